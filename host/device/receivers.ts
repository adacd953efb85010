/** Which members of a class serve which of its character devices. */

import type { ChardevHandlers, ChardevProperty } from "./chardev.ts";
import type { DeviceClass } from "./device.ts";
import { has, memberOf } from "./members.ts";

/** Names of the methods that serve one character device; those of a trait are told its key. */
export interface Served {
  /** Key of the property. */
  readonly key: string;
  readonly receive: string | undefined;
  /** Member that holds the room, if it receives. */
  readonly room: string;
  readonly receiveBreak: string | undefined;
  readonly event: string | undefined;
  readonly handlers: ChardevHandlers;
}

const TRAITS = { receive: "receive", receiveBreak: "receiveBreak", event: "chardevEvent" } as const;

/** One for each character device, in the order of the properties. */
export function servedBy(cls: DeviceClass): Served[] {
  const pick = (handlers: ChardevHandlers, part: keyof typeof TRAITS) =>
    handlers[part] ?? (has(cls, TRAITS[part]) ? TRAITS[part] : undefined);
  return Object.entries(cls.spec.properties ?? {})
    .filter(([, { kind }]) => kind === "chardev")
    .map(([key, property]) => {
      const { handlers } = property as ChardevProperty;
      return {
        key,
        receive: pick(handlers, "receive"),
        room: handlers.room ?? "room",
        receiveBreak: pick(handlers, "receiveBreak"),
        event: pick(handlers, "event"),
        handlers,
      };
    });
}

type Fail = (reason: string) => never;

/** Nobody can share room: each backend may fill it. */
function checkRooms(cls: DeviceClass, served: readonly Served[], fail: Fail): void {
  const owners = new Map<string, string>();
  for (const { key, receive, room, handlers } of served) {
    if (receive === undefined) {
      if (handlers.room !== undefined) {
        fail(`property ${key}: room ${room} and nothing that receives: give it \`receive\``);
      }
      continue;
    }
    const owner = owners.get(room);
    if (owner !== undefined) {
      fail(`properties ${owner} and ${key} have the same ${room}: give each a \`room\` of its own`);
    }
    owners.set(room, key);
    const member = memberOf(cls, room);
    // The trait's may be a plain property of the object, which there is not yet.
    if (member === undefined ? handlers.room !== undefined : member.get === undefined) {
      fail(`property ${key}: ${cls.name} has no getter or field ${room}`);
    }
  }
}

/** What is wrong with the handlers of character devices. */
export function checkChardevs(cls: DeviceClass, fail: Fail): void {
  const served = servedBy(cls);
  for (const { key, handlers } of served) {
    for (const part of ["receive", "receiveBreak", "event"] as const) {
      const name = handlers[part];
      if (name !== undefined && !has(cls, name)) {
        fail(`property ${key}: ${cls.name} has no method ${name}()`);
      }
    }
  }
  checkRooms(cls, served, fail);
}
