import { isLSError } from "@ls/core/backend-kit";
import { describe, expect, test } from "vitest";
import { pathFromURL } from "./url.js";

describe("POSIX forms", () => {
  // The first block is what upstream's own parser answered to these inputs.
  test.each([
    ["file:///tmp/x/", "/tmp/x"],
    ["file:///tmp/x?y=1", "/tmp/x"],
    ["file:///tmp/x#frag", "/tmp/x#frag"],
    ["file:///tmp/my%20dir", "/tmp/my%20dir"],
    ["file:///tmp/my dir", "/tmp/my%20dir"],
    ["file://rel/path", "/rel/path"],
    ["file://./rel", "/rel"],
    ["file://~/x", "/~/x"],
    ["file://", "."],
    ["file:/tmp/x", "/tmp/x"],
    ["file:///tmp/x?y=1#frag", "/tmp/x#frag"],
    ["FILE:///Tmp/X", "/Tmp/X"],
    ["file:///", "/"],
    ["file:///a/../../etc//x/./y", "/etc/x/y"],
    ["file:///tmp/a%2Fb", "/tmp/a%2Fb"],
    ["file:///tmp/a%2fb c", "/tmp/a/b%20c"],
    ["file:///tmp/daten-ä", "/tmp/daten-%C3%A4"],
    ["file:///tmp/😀", "/tmp/%F0%9F%98%80"],
    ["file:///tmp/back\\slash", "/tmp/back%5Cslash"],
    ["file:///tmp/a!b", "/tmp/a!b"],
    ["file:///tmp/a!b c", "/tmp/a%21b%20c"],
    ["file:///tmp/x#", "/tmp/x"],
    ["file:///tmp/x#a b", "/tmp/x#a%20b"],
    ["file:////server/share", "/server/share"],
    ["file://host:80/x", "/host:80/x"],
  ])("%s -> %s", (url, path) => {
    expect(pathFromURL(url, false)).toBe(path);
  });
});

describe("Windows forms", () => {
  test.each([
    ["file:///C:/data/x", "C:\\data\\x"],
    ["file://C:/data/x/", "C:\\data\\x"],
    ["file://C:\\data\\x", "C:\\data\\x"],
    ["file:///c:", "c:\\"],
    ["file:///C:/data/my%20dir", "C:\\data\\my%20dir"],
    ["file:///C:/a/../../b", "C:\\b"],
    ["file://server/share/x", "\\\\server\\share\\x"],
    ["file:////server/share/x", "\\\\server\\share\\x"],
    ["file:///data/x", "\\data\\x"],
  ])("%s -> %s", (url, path) => {
    expect(pathFromURL(url, true)).toBe(path);
  });
});

test.each(["s3://b/x", "file:x", "file:///a%zz", "file:///a\u0000b", "file://my dir/x", "file://a:b/x", "file://a%20b/x", ""])("refuses %j", (url) => {
  let thrown: unknown;
  try {
    pathFromURL(url, false);
  } catch (error) {
    thrown = error;
  }
  expect(isLSError(thrown, "LS_INVALID_URL")).toBe(true);
});
