/**
 * What "qemu-script" exports, as the compiler declares it: its declaration files have every type written out, and
 * nothing of the code. Read with the compiler's own parser, which tools such as TypeDoc cannot use yet.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type Node, type SourceFile, type Statement, SyntaxKind } from "typescript/unstable/ast";
import {
  isClassDeclaration,
  isImportDeclaration,
  isInterfaceDeclaration,
  isTypeLiteralNode,
} from "typescript/unstable/ast/is";
import { API, type Checker, type Symbol as CompilerSymbol, SymbolFlags } from "typescript/unstable/async";
import { run } from "../lib/process.ts";
import { declarationsCommand } from "../lib/types.ts";
import { type Comment, commentBefore, commentOnFile } from "./comment.ts";

export interface Member {
  readonly name: string;
  /** One, or one for each overload. */
  readonly signatures: readonly string[];
  readonly comment: Comment | undefined;
  /** Members of an object type that is written in place. */
  readonly members: readonly Member[];
}

export interface Item {
  readonly name: string;
  /** Without its members, where those are listed. */
  readonly signature: string;
  readonly comment: Comment | undefined;
  readonly members: readonly Member[];
}

/** A file of host/ and what it contributes, in its order. */
export interface Module {
  /** Relative to host/, such as `device/irq.ts`. */
  readonly path: string;
  readonly comment: Comment | undefined;
  readonly items: readonly Item[];
}

/** Everything that the project at `root` exports to device scripts; modules by path. */
export async function readModules(root: string): Promise<Module[]> {
  const folder = mkdtempSync(join(tmpdir(), "qs-docs-"));
  try {
    const [command, ...args] = declarationsCommand(root, folder);
    await run(command, args, { what: "declaring what host/ exports", log: join(folder, "log") });
    const config = join(folder, "tsconfig.json");
    writeFileSync(config, '{ "compilerOptions": { "types": [] }, "files": ["index.d.ts"] }');
    return await readFolder(folder, config);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function readFolder(folder: string, config: string): Promise<Module[]> {
  const api = new API({ cwd: folder });
  try {
    const snapshot = await api.updateSnapshot({ openProjects: [config] });
    const { program, checker } = snapshot.getProject(config)!;
    const index = await program.getSourceFile(join(folder, "index.d.ts"));
    const exported = await checker.getExportsOfModule((await checker.getSymbolAtLocation(index!))!);
    const names = new Set(exported.map(({ name }) => name));
    const modules = new Map<SourceFile, Map<Node, Item>>();
    for (const symbol of exported) {
      const nodes = await declarationsOf(symbol, checker);
      const file = nodes[0]!.getSourceFile();
      const items = modules.get(file) ?? new Map<Node, Item>();
      items.set(nodes[0]!, together(nodes.map((node) => itemOf(symbol.name, node, names))));
      modules.set(file, items);
    }
    return [...modules].map(([file, items]) => moduleOf(folder, file, items)).sort(byPath);
  } finally {
    await api.close();
  }
}

const byPath = (a: Module, b: Module) => (a.path < b.path ? -1 : 1);

/** The statements that declare a symbol. */
async function declarationsOf(symbol: CompilerSymbol, checker: Checker): Promise<Node[]> {
  const target = symbol.flags & SymbolFlags.Alias ? await checker.getAliasedSymbol(symbol) : symbol;
  const nodes = await Promise.all(target.declarations.map((handle) => handle.resolve()));
  return nodes.filter((node) => node !== undefined).map(statementOf);
}

/** What has several declarations, such as a function with overloads, is one item. */
function together(items: readonly Item[]): Item {
  return {
    name: items[0]!.name,
    signature: items.map(({ signature }) => signature).join("\n"),
    comment: items.find(({ comment }) => comment)?.comment,
    members: items.flatMap(({ members }) => members),
  };
}

/** A variable's declaration is two levels below the statement, which has the comment. */
function statementOf(node: Node): Node {
  return node.kind === SyntaxKind.VariableDeclaration ? node.parent.parent : node;
}

function moduleOf(folder: string, file: SourceFile, items: ReadonlyMap<Node, Item>): Module {
  const first: Statement | undefined = file.statements[0];
  const place = ([node]: [Node, Item]) => node.pos;
  return {
    path: relative(folder, file.fileName).replace(/\.d\.ts$/, ".ts"),
    comment: first && commentOnFile(leading(first), isImportDeclaration(first)),
    items: [...items].sort((a, b) => place(a) - place(b)).map(([, item]) => item),
  };
}

const leading = (node: Node) => node.getSourceFile().text.slice(node.getFullStart(), node.getStart());

/** A declaration without what every declaration in such a file has. */
const bare = (text: string) => text.replace(/^export (declare )?/, "").replaceAll("<ArrayBufferLike>", "");

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/\s*/g, "");

/** @param exported names of everything that is exported: what an item has from others is listed with it */
function itemOf(name: string, node: Node, exported: ReadonlySet<string>): Item {
  const text = bare(node.getText());
  const comment = commentBefore(leading(node));
  if (isClassDeclaration(node) || isInterfaceDeclaration(node)) {
    const head = node.getText().slice(0, node.members.pos - node.getStart());
    const signature = bare(head).replace(/\s*\{\s*$/, "");
    const [, base = ""] = / extends (\w+)$/.exec(signature) ?? [];
    const hidden = exported.has(base) ? undefined : interfaceOf(node.getSourceFile(), base);
    const members = membersOf(node.members);
    return hidden
      ? { name, comment, signature: signature.replace(/ extends \w+$/, ""), members: [...hidden, ...members] }
      : { name, comment, signature, members };
  }
  return { name, signature: text, comment, members: [] };
}

/** Members of an interface of the same file. */
function interfaceOf(file: SourceFile, name: string): Member[] | undefined {
  const found = file.statements.find(
    (statement) => isInterfaceDeclaration(statement) && statement.name.text === name,
  );
  return found && isInterfaceDeclaration(found) ? membersOf(found.members) : undefined;
}

function isPublic(node: Node & { readonly name?: Node | undefined }): boolean {
  const words = node.getText().split(/[\s(:]/, 3);
  return (
    node.name !== undefined &&
    node.name.kind !== SyntaxKind.ComputedPropertyName &&
    node.name.kind !== SyntaxKind.PrivateIdentifier &&
    !words.includes("private")
  );
}

/** Those with a name, overloads and both halves of an accessor as one. Constructors are the host's to call. */
function membersOf(nodes: Iterable<Node>): Member[] {
  const members = new Map<string, Member>();
  for (const node of nodes as Iterable<Node & { readonly name?: Node; readonly type?: Node }>) {
    if (!isPublic(node)) {
      continue;
    }
    const name = node.name!.getText();
    const key = `${/^static\b/.test(node.getText())} ${name}`;
    const before = members.get(key);
    const inner = node.type && isTypeLiteralNode(node.type) ? membersOf(node.type.members) : [];
    const comment = commentBefore(leading(node));
    const signature = bare(withoutComments(node.getText())).replace(/\s+/g, " ").replace(/[;,]$/, "");
    members.set(key, {
      name,
      signatures: [...(before?.signatures ?? []), signature],
      comment: before?.comment ?? comment,
      members: inner,
    });
  }
  return [...members.values()];
}
