/** Path of a Node 24 executable, or `undefined` where npm has none for this platform. */
export function node24(): string | undefined;
