/** The npm scope of every package here. `node scripts/rename-scope.mjs @new` changes it, here and everywhere else. */
export const SCOPE = "@ls";
