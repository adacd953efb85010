/** All devices that have a twin in C. */

import type { Twin } from "./twin.ts";
import { EDU } from "./twins/edu.ts";
import { PL011 } from "./twins/pl011.ts";
import { PL061 } from "./twins/pl061.ts";

export const TWINS: readonly Twin[] = [PL011, PL061, EDU];
