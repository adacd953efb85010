/** Documentation comments: what they say, and how a page says it. */

export interface Comment {
  /** Markdown, with `{@link ...}` still in it. */
  readonly text: string;
  /** `param`, `returns`, `throws`, ... with what follows them. */
  readonly tags: readonly { readonly name: string; readonly text: string }[];
}

/**
 * The last documentation comment before a declaration.
 *
 * @param before the text between the declaration before it and its first word
 */
export function commentBefore(before: string): Comment | undefined {
  return commentsIn(before).at(-1);
}

/**
 * The comment on a file as a whole: the first of two that stand before its first declaration, or one before an import.
 *
 * @param before the text before its first statement
 */
export function commentOnFile(before: string, isImport: boolean): Comment | undefined {
  const comments = commentsIn(before);
  return isImport || comments.length > 1 ? comments[0] : undefined;
}

const commentsIn = (text: string): Comment[] =>
  [...text.matchAll(/\/\*\*([\s\S]*?)\*\//g)].map(([, body]) => parse(body!));

function parse(body: string): Comment {
  const lines = body.split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  const [text = "", ...tags] = lines
    .join("\n")
    .trim()
    .split(/(?:^|(?<=[.!?] ))@(?=[a-z]+(?:\s|$))/m);
  return {
    text: text.trim(),
    tags: tags.map((tag) => {
      const [, name = "", rest = ""] = /^(\w+)\s*([\s\S]*)$/.exec(tag) ?? [];
      return { name, text: rest.trim() };
    }),
  };
}

const WORDS: Readonly<Record<string, string>> = {
  returns: "Returns",
  throws: "Throws",
  see: "See",
  deprecated: "Deprecated:",
};

/** @param link makes a link of a name, or says that there is none */
export function paragraphs(comment: Comment, link: (name: string) => string | undefined): string[] {
  const linked = (text: string) =>
    text.replace(/\{@link ([^}\s]+)\s*\}/g, (_, name: string) => link(name) ?? `\`${name}\``);
  const parameters = comment.tags.filter(({ name }) => name === "param");
  const others = comment.tags.filter(({ name }) => name in WORDS);
  return [
    ...(comment.text ? linked(comment.text).split(/\n{2,}/) : []),
    ...parameters.map(({ text }) => linked(text).replace(/^(\S+)\s+(?:- )?/, "`$1`: ")),
    ...others.map(({ name, text }) => `${WORDS[name]} ${linked(text)}`),
  ];
}

/** The first sentence, for lists. */
export function summary(comment: Comment | undefined): string {
  const [first = ""] = (comment?.text ?? "").split(/\n{2,}/);
  const line = first.replace(/\s+/g, " ").replace(/\{@link ([^}\s]+)\s*\}/g, "`$1`");
  return /^.*?[.:](?= |$)/.exec(line)?.[0].replace(/:$/, ".") ?? line;
}
