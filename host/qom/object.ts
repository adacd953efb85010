/** QEMU's objects, as scripts see them. */

import type { Pointer } from "bun:ffi";
import type { Handle } from "../device/handle.ts";
import { instances } from "../engine/instances.ts";
import { cstring, fromJson, takeText, text, toJson } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { type Accessors, type AccessorType, addAccessors, removeAccessors } from "./accessors.ts";
import {
  define,
  isInstance,
  makeObject,
  own,
  type RefClass,
  type ScriptedClass,
  type Settable,
  typeOf,
} from "./classes.ts";
import { check, QemuError } from "./error.ts";
import { type Reference, SelfReference } from "./reference.ts";
import { WeakObject } from "./weak.ts";

/** A device whose object is, to the type checker, one of these. */
interface OnObject<Ref> {
  readonly object: Ref;
}

/** A property of an object, as `qom-list` shows it. */
export interface PropertyInfo {
  /** As `get()` and `set()` take it. */
  readonly name: string;
  /** As QOM calls it: `uint32`, `str`, `link<device>`, `child<clock>`, ... */
  readonly type: string;
  /** One line, if there is one. */
  readonly description?: string;
}

/** @internal For the host; scripts see no pointer. @throws StaleError */
export let pointerOf: (ref: ObjectRef) => Pointer;

/**
 * A handle of an object of QEMU's. It owns a reference: the object's memory stays at least as long. `using` gives the
 * reference back at the end of a block, {@link dispose} at once, and the garbage collector some time after nobody has
 * the handle any more. Any use after that throws StaleError.
 *
 * Handles are of the class that fits the object, so that `instanceof` and {@link downcast} tell what it is.
 */
export class ObjectRef {
  /** The QOM type that its objects have or descend from. */
  static readonly type: string = "object";
  readonly #reference: Reference;

  /** @internal Made by the host. */
  constructor(reference: Reference) {
    this.#reference = reference;
  }

  /**
   * Makes an object of a type, with these properties, as `-object` or a board does. Nothing but the handle has it; see
   * {@link addChild}. A device must then be realized.
   *
   * @throws QemuError if there is no such type, it is abstract or of another kind than this class, or refuses a property
   */
  static new<T extends ObjectRef>(
    this: RefClass<T>,
    type: string,
    properties: { readonly [name: string]: Settable } = {},
  ): T {
    // biome-ignore lint/complexity/noThisInStatic: the class of handles that is asked for
    return makeObject(this, type, properties);
  }

  /** The root of the composition tree, `/`. */
  static root(): ObjectRef {
    return own(qemu.script_object_root())!;
  }

  /** The machine. @throws QemuError while QEMU has none yet, as when a script is loaded */
  static machine(): ObjectRef {
    const machine = ObjectRef.resolve("/machine");
    if (machine === null) {
      throw new QemuError("there is no machine yet");
    }
    return machine;
  }

  /**
   * Finds an object by its path, or by the last parts of its path if they do not start with `/`.
   *
   * @param options.type what it must be; others are passed over
   * @returns null if there is none
   * @throws QemuError if more than one fits
   */
  static resolve<T extends ObjectRef>(path: string, options: { readonly type: RefClass<T> }): T | null;
  static resolve(path: string, options?: { readonly type: string }): ObjectRef | null;
  static resolve(path: string, { type = "object" }: { type?: string | RefClass } = {}): ObjectRef | null {
    const pointer = qemu.script_object_resolve(cstring(path), cstring(typeOf(type)));
    check();
    return own(pointer);
  }

  static {
    pointerOf = (ref) => ref.#reference.pointer;
  }

  get #pointer(): Pointer {
    return this.#reference.pointer;
  }

  /** Gives the reference back; does nothing the second time. */
  dispose(): void {
    this.#reference.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Another handle of the same object, with a reference of its own. */
  clone(): this {
    qemu.script_object_ref(this.#pointer);
    return own(this.#pointer) as this;
  }

  /** A reference that does not keep the object alive. */
  weak(): WeakObject<this> {
    return new WeakObject<this>(qemu.script_weak_new(this.#pointer)!, (pointer) => own(pointer) as this);
  }

  /** Are both handles of the same object? */
  same(other: ObjectRef): boolean {
    return this.#pointer === other.#pointer;
  }

  // --- what it is ---------------------------------------------------------------------------------------------------

  /** The name of its QOM type. */
  get typeName(): string {
    return text(qemu.script_object_type(this.#pointer));
  }

  /** Its class: the type's name, and those of its parents, the nearest first. */
  get class(): { readonly name: string; readonly parents: readonly string[] } {
    const parents = fromJson(takeText(qemu.script_object_class(this.#pointer))!) as string[];
    return { name: this.typeName, parents };
  }

  /** Is it of this type, by descent or as one of its interfaces? */
  isA(type: string | RefClass | ScriptedClass): boolean {
    return qemu.script_object_is_a(this.#pointer, cstring(typeOf(type))) !== 0;
  }

  /** The same handle as one of a more general class; always possible. */
  upcast<T extends ObjectRef>(this: NoInfer<T>, _cls: RefClass<T>): T {
    void this.#pointer;
    return this;
  }

  /**
   * The same handle as one of a more special class, or null if the object is not of it. For a class of a script, its
   * instance, or null if the object is none or is not realized.
   */
  downcast<T extends this>(cls: RefClass<T>): T | null;
  downcast<T extends OnObject<this>>(cls: ScriptedClass<T>): T | null;
  downcast(cls: RefClass | ScriptedClass): unknown {
    const pointer = this.#pointer;
    if (!("spec" in cls)) {
      return isInstance(this, cls) ? this : null;
    }
    const device = instances[qemu.script_object_instance(pointer)]?.device;
    return isInstance(device, cls) ? device : null;
  }

  // --- where it is --------------------------------------------------------------------------------------------------

  /** Its canonical path, such as `/machine/peripheral/u0`; null outside the tree. */
  get path(): string | null {
    return takeText(qemu.script_object_path(this.#pointer)) ?? null;
  }

  /** What it is a child of; null outside the tree. */
  get parent(): ObjectRef | null {
    return own(qemu.script_object_parent(this.#pointer));
  }

  /** The child of this name, or null. */
  child(name: string): ObjectRef | null {
    return own(qemu.script_object_child(this.#pointer, cstring(name)));
  }

  /** All children, by name. */
  children(): ReadonlyMap<string, ObjectRef> {
    const names = fromJson(takeText(qemu.script_object_children(this.#pointer))!) as string[];
    const children = names.map((name) => [name, this.child(name)] as const);
    return new Map(children.filter((entry): entry is readonly [string, ObjectRef] => entry[1] !== null));
  }

  /**
   * Makes an object a child of this one, which has a reference of its own to it from then on.
   *
   * @param name a final `[*]` becomes the first number that is free
   * @returns the child, the same handle
   * @throws QemuError if the name is taken or the object has a parent
   */
  addChild<T extends ObjectRef>(name: string, child: T): T {
    qemu.script_object_add_child(this.#pointer, cstring(name), child.#pointer);
    check();
    return child;
  }

  /** Takes a child out of the tree, like its {@link unparent}. @throws QemuError if there is no such child */
  removeChild(name: string): void {
    using child = this.child(name);
    if (child === null) {
      throw new QemuError(`a '${this.typeName}' has no child '${name}'`);
    }
    child.unparent();
  }

  /** Takes the object out of the tree; a device is unrealized first. It is gone when nobody has a reference. */
  unparent(): void {
    qemu.script_object_unparent(this.#pointer);
    check();
  }

  // --- properties ---------------------------------------------------------------------------------------------------

  /**
   * Reads a property. Numbers that a `number` cannot hold exactly come as bigint; of a link, its target's path.
   *
   * @throws QemuError if there is none of that name or it cannot be read
   */
  get(name: string): unknown {
    const json = takeText(qemu.script_object_get(this.#pointer, cstring(name)));
    check();
    return fromJson(json!);
  }

  /** Writes a property. @throws QemuError if there is none of that name or QEMU refuses the value */
  set(name: string, value: Settable): void {
    qemu.script_object_set(this.#pointer, cstring(name), toJson(value));
    check();
  }

  /** All properties, children and links among them, in no order. */
  properties(): PropertyInfo[] {
    return fromJson(takeText(qemu.script_object_properties(this.#pointer))!) as PropertyInfo[];
  }

  /**
   * Adds a link: a property that leads to another object, and keeps it alive.
   *
   * @param type what it may lead to
   * @throws QemuError if the object has a property of that name
   */
  addLink(name: string, type: string | RefClass | ScriptedClass): void {
    qemu.script_object_add_link(this.#pointer, cstring(name), cstring(typeOf(type)));
    check();
  }

  /** The target of a link, or null if it leads nowhere. @throws QemuError if it is no link */
  getLink(name: string): ObjectRef | null {
    const pointer = qemu.script_object_get_link(this.#pointer, cstring(name));
    check();
    return own(pointer);
  }

  /**
   * Makes a link lead elsewhere.
   *
   * @param target must be in the tree; null ends the link
   * @throws QemuError if it is not of the link's type
   */
  setLink(name: string, target: ObjectRef | null): void {
    this.set(name, target ?? "");
  }

  /**
   * Adds a property whose value this script computes; for a device's own `this.object`. It goes when the device is
   * unrealized.
   *
   * @throws QemuError if the object has a property of that name
   * @throws TypeError if the object is not the device's own
   */
  addProperty<T extends AccessorType>(name: string, accessors: Accessors<T>): void {
    addAccessors(this.#self("add properties to"), name, accessors as unknown as Accessors);
  }

  /** Takes away what {@link addProperty} added. @throws QemuError if it added no such property */
  removeProperty(name: string): void {
    removeAccessors(this.#self("remove properties from"), name);
  }

  #self(action: string): Handle {
    if (!(this.#reference instanceof SelfReference)) {
      throw new TypeError(`only its own script can ${action} an object: use this.object`);
    }
    return this.#reference.instance;
  }

  /** As the value of a link: its path. @throws QemuError outside the tree */
  toJSON(): string {
    const { path } = this;
    if (path === null) {
      throw new QemuError(`the '${this.typeName}' is not in the tree: a link cannot lead to it`);
    }
    return path;
  }
}

define(ObjectRef);
