/** @typedef {import("./collect.mjs").Option} Option */

const HEAD = `# Options

Every option of every package, written from the types by \`node scripts/options.mjs --write\`. What is unknown or out of range throws
\`LS_INVALID_OPTION\` at once, with the nearest name that exists. Times are in milliseconds (\`…Ms\`), sizes in bytes (\`…Bytes\`).
`;

/**
 * docs/options.md.
 * @param {readonly import("./collect.mjs").PackageOptions[]} packages
 * @param {readonly { parameter: string, option: string }[]} parameters of `s3://` URLs
 */
export function renderOptions(packages, parameters) {
  const known = new Set(packages.flatMap(({ interfaces }) => interfaces.map((one) => one.name)));
  const sections = packages.map(({ name, interfaces }) => {
    const parts = interfaces.map((one) => renderInterface(one, known));
    if (interfaces.some((one) => one.name === "S3Options")) parts.push(renderParameters(parameters));
    return [`## \`${name}\``, ...parts].join("\n\n");
  });
  return `${[HEAD.trimEnd(), ...sections].join("\n\n")}\n`;
}

/**
 * @param {import("./collect.mjs").OptionsInterface} one
 * @param {ReadonlySet<string>} known names that have a section here
 */
function renderInterface({ name, meaning, bases, options }, known) {
  const named = bases.map((base) => (known.has(base) ? `[\`${base}\`](#${base.toLowerCase()})` : `\`${base}\``));
  const inherited = named.length === 0 ? [] : [`Has the options of ${named.join(" and ")} too.`];
  const rows = options.map(renderOption);
  const table = rows.length === 0 ? [] : [["| option | type | default | range | meaning |", "|---|---|---|---|---|", ...rows].join("\n")];
  return [`### \`${name}\``, [meaning, ...inherited].join(" "), ...table].join("\n\n");
}

/** @param {Option} option */
function renderOption({ name, type, isRequired, byDefault, range, meaning }) {
  return `| ${[`\`${name}\``, `\`${type}\``, isRequired ? "required" : byDefault, range, meaning].map(cell).join(" | ")} |`;
}

/** @param {readonly { parameter: string, option: string }[]} parameters */
function renderParameters(parameters) {
  const rows = parameters.map(({ parameter, option }) => `| \`${parameter}\` | \`${option}\` |`);
  const text = "Capitals, hyphens and underscores make no difference.";
  return ["### Parameters of `s3://` URLs", text, ["| parameter | option |", "|---|---|", ...rows].join("\n")].join("\n\n");
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll("|", "\\|");
}
