/** All devices that have a twin in C. */

import type { Twin } from "./twin.ts";
import { PL011 } from "./twins/pl011.ts";

export const TWINS: readonly Twin[] = [PL011];
