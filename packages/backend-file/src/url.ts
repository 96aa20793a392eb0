import { posix, win32 } from "node:path";
import { LSError } from "@ls/core/backend-kit";

/**
 * `file://` URLs mean what they mean upstream, where Go's `url.Parse` splits the text and `url.String` writes it back
 * without scheme and query (replica_url.go, ParseReplicaURLWithQuery). So percent escapes stay as they are, characters
 * that may not stand in a URL *become* escapes, a host is the first directory, and a fragment is part of the name.
 * The same URL therefore names the same directory for both programs.
 */

/** Characters that Go's parser leaves alone in a path whose every character is one of them (validEncoded, encodePath). */
const VALID_IN_PATH = /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@[\]/]|%[0-9A-Fa-f]{2})*$/;
const VALID_IN_FRAGMENT = /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@[\]/?]|%[0-9A-Fa-f]{2})*$/;
/** Characters that Go writes unescaped when it has to escape anything (shouldEscape). */
const PLAIN_IN_PATH = /[A-Za-z0-9\-_.~$&+,/:;=@]/;
const PLAIN_IN_FRAGMENT = /[A-Za-z0-9\-_.~$&+,/:;=?@!()*]/;

/** Where the replica of a `file://` URL lies. @throws LSError `LS_INVALID_URL`. */
export function optionsFromURL(url: string): { readonly path: string } {
  return { path: pathFromURL(url, process.platform === "win32") };
}

/**
 * The directory that a `file:` URL names. `windows` additionally reads `file:///C:/dir`, `file://C:/dir` (and the same with
 * backslashes) as a drive, and `file://server/share` as a UNC path.
 * @throws LSError `LS_INVALID_URL`.
 */
export function pathFromURL(url: string, windows: boolean): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those characters are refused, as Go's parser does.
  if (/[\u0000-\u001f\u007f]/.test(url)) throw invalid("a file URL holds no control characters");
  const text = windows ? url.replaceAll("\\", "/") : url;
  const scheme = /^file:/i.exec(text);
  if (scheme === null) throw invalid("a file URL starts with file://");
  const [beforeFragment, fragment] = cut(text.slice(scheme[0].length), "#");
  const [hierarchy] = cut(beforeFragment, "?");
  if (hierarchy !== "" && !hierarchy.startsWith("/")) throw invalid("write the path of a file URL after file://, as in file:///backups/app");

  const authorityEnd = hierarchy.startsWith("//") ? hierarchy.indexOf("/", 2) : 0;
  const authority = authorityEnd === 0 ? "" : checkedAuthority(hierarchy.slice(2, authorityEnd === -1 ? undefined : authorityEnd));
  const path = authorityEnd === -1 ? "" : escaped(hierarchy.slice(authorityEnd), VALID_IN_PATH, PLAIN_IN_PATH);
  const name = fragment === "" ? path : `${path}#${escaped(fragment, VALID_IN_FRAGMENT, PLAIN_IN_FRAGMENT)}`;
  const full = authority === "" ? name : `//${authority}${name}`;
  return windows ? windowsPath(full) : cleaned(full);
}

/** Go's `path.Clean`. */
function cleaned(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

function windowsPath(full: string): string {
  const drive = /^\/*([A-Za-z]:)(\/.*)?$/.exec(full);
  if (drive !== null) return win32.normalize(`${drive[1]}${cleaned(drive[2] ?? "/")}`);
  const path = cleaned(full);
  return full.startsWith("//") ? win32.normalize(`/${path}`) : win32.normalize(path);
}

function checkedAuthority(authority: string): string {
  if (/[\s%\\^`{|}]/.test(authority)) throw invalid("the first directory after file:// may not hold spaces, % or \\; write file:/// and an absolute path");
  if (/:(?!\d*$)/.test(authority.slice(authority.lastIndexOf("@") + 1))) throw invalid("after a colon in the host of a file URL stands a port number");
  return escaped(authority, /^[\u0021-\u007e]*$/, PLAIN_IN_PATH);
}

/** The text as Go writes it back: untouched when every character may stand there, else with all special ones escaped. */
function escaped(raw: string, valid: RegExp, plain: RegExp): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) throw invalid("a % in a file URL is followed by two hex digits");
  if (valid.test(raw)) return raw;
  return raw.replace(/%([0-9A-Fa-f]{2})|[^%]/gu, (character, hex: string | undefined) => {
    const literal = hex === undefined ? character : String.fromCharCode(Number.parseInt(hex, 16));
    if (literal.charCodeAt(0) < 0x80 && plain.test(literal)) return literal;
    if (hex !== undefined) return `%${hex.toUpperCase()}`;
    return Array.from(new TextEncoder().encode(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
}

function cut(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function invalid(why: string): LSError {
  return new LSError("LS_INVALID_URL", why);
}
