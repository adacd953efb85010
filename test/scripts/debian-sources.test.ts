import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptSources, downloadPercent } from "../../scripts/lib/apt.ts";
import { chooseMirror, parseDeb822, parseOneLine, readSources } from "../../scripts/lib/debian-sources.ts";

const scratch = mkdtempSync(join(tmpdir(), "sources-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const KEYRING = join(scratch, "debian-archive-keyring.gpg");
writeFileSync(KEYRING, "");

describe("one-line sources.list", () => {
  test("an entry with options, comments around it", () => {
    const text = `
      # deb http://old.example/debian bookworm main
      deb [ arch=amd64 signed-by=/keys/mirror.gpg ] http://mirror.example/debian/ bookworm main contrib # here
      deb-src http://mirror.example/debian bookworm main
      not an entry`;
    expect(parseOneLine(text)).toEqual([
      {
        types: ["deb"],
        uris: ["http://mirror.example/debian/"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        options: { arch: "amd64", "signed-by": "/keys/mirror.gpg" },
      },
      {
        types: ["deb-src"],
        uris: ["http://mirror.example/debian"],
        suites: ["bookworm"],
        components: ["main"],
        options: {},
      },
    ]);
  });

  test("an installation CD is no mirror", () => {
    const text = `
deb cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64 NETINST]/ bookworm main
deb http://mirror.example/debian bookworm main`;
    expect(chooseMirror(parseOneLine(text))?.uri).toBe("http://mirror.example/debian");
  });
});

describe("deb822 *.sources", () => {
  const stanzas = `# comment
Types: deb
# comment inside
URIs: http://security.example/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian
  http://second.example/debian
Suites: trixie trixie-updates
Components: main
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
`;

  test("fields, continuation lines and stanzas", () => {
    const [security, main, ...more] = parseDeb822(stanzas);
    expect(more).toEqual([]);
    expect(security?.suites).toEqual(["trixie-security"]);
    expect(main?.types).toEqual(["deb", "deb-src"]);
    expect(main?.uris).toEqual(["http://mirror.example/debian", "http://second.example/debian"]);
    expect(main?.options["signed-by"]).toStartWith("\n -----BEGIN");
  });

  test("a disabled stanza does not exist", () => {
    expect(parseDeb822(`Enabled: no\n${stanzas.slice(stanzas.indexOf("Types"))}`)).toHaveLength(1);
  });

  test("the archive's mirror is chosen, not the security one, with the options that concern trust", () => {
    const mirror = chooseMirror(parseDeb822(stanzas));
    expect(mirror?.uri).toBe("http://mirror.example/debian");
    expect(Object.keys(mirror?.options ?? {}).sort()).toEqual(["check-valid-until", "signed-by"]);
  });
});

describe("the machine's configuration", () => {
  test("both forms are read; other people's archives are not taken for Debian's", () => {
    const etc = join(scratch, "etc");
    mkdirSync(join(etc, "sources.list.d"), { recursive: true });
    writeFileSync(join(etc, "sources.list"), "");
    writeFileSync(
      join(etc, "sources.list.d", "node.list"),
      "deb http://node.example/node_20.x nodistro main\n",
    );
    writeFileSync(
      join(etc, "sources.list.d", "off.sources.disabled"),
      "Types: deb\nURIs: http://x\nSuites: sid\n",
    );
    expect(chooseMirror(readSources(etc))).toBeUndefined();
    writeFileSync(
      join(etc, "sources.list.d", "debian.sources"),
      "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n",
    );
    expect(chooseMirror(readSources(etc))).toEqual({ uri: "http://mirror.example/debian", options: {} });
  });

  test("a directory that does not exist has no sources", () => {
    expect(readSources(join(scratch, "nowhere"))).toEqual([]);
  });
});

describe("the private source list", () => {
  const lines = (options: Record<string, string>): string[] =>
    aptSources({ uri: "http://mirror.example/debian", options }, "trixie", KEYRING).trim().split("\n");

  test("has the machine's mirror, another suite, and source packages too", () => {
    expect(lines({})).toEqual([
      "Types: deb deb-src",
      "URIs: http://mirror.example/debian",
      "Suites: trixie",
      "Components: main",
      "Targets: Packages Sources",
      "PDiffs: no",
      `signed-by: ${KEYRING}`,
    ]);
  });

  test("takes the keyring of all releases where the machine names one release's key", () => {
    expect(lines({ "signed-by": "/usr/share/keyrings/debian-archive-bookworm-stable.gpg" })).toContain(
      `signed-by: ${KEYRING}`,
    );
  });

  test("keeps the key of a mirror that signs by itself", () => {
    expect(lines({ "signed-by": "/keys/mirror.gpg", trusted: "yes" }).slice(-2)).toEqual([
      "signed-by: /keys/mirror.gpg",
      "trusted: yes",
    ]);
  });
});

test("apt's status lines give percent", () => {
  expect(downloadPercent("dlstatus:1:37.5:Retrieving file 1 of 1 (3s remaining)")).toBe(37.5);
  expect(downloadPercent("Get:1 http://mirror.example/debian trixie InRelease")).toBeUndefined();
});
