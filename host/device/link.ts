/** The object that a link leads to. */
export interface LinkedObject {
  /** Its QOM type. */
  readonly typeName: string;
  /** Its place in the tree of objects, as `qom-list` shows it. */
  readonly path: string;
}
