import type { ChildFailure, Command, Message } from "../src/child.js";

export type Handlers = Readonly<Record<string, (params: never) => unknown>>;

export function send(message: Message): void {
  process.send?.(message);
}

/** Answers commands one after another in the order they came; `concurrent` ones start at once. Ends with the parent. */
export function serve(handlers: Handlers, concurrent: readonly string[] = []): void {
  let queue: Promise<void> = Promise.resolve();
  process.on("message", (message) => {
    const command = message as Command; // `as`: only src/child.ts talks to these programs
    if (concurrent.includes(command.op)) void answer(handlers, command);
    else queue = queue.then(() => answer(handlers, command));
  });
  process.on("disconnect", () => process.exit(0));
}

async function answer(handlers: Handlers, { id, op, params }: Command): Promise<void> {
  try {
    const handler = handlers[op];
    if (handler === undefined) throw new Error(`unknown command ${op}`);
    send({ id, ok: true, result: await handler(params as never) }); // `as`: each command documents its parameters
  } catch (error) {
    send({ id, ok: false, error: failureOf(error) });
  }
}

function failureOf(error: unknown): ChildFailure {
  if (!(error instanceof Error)) return { message: String(error) };
  const cause = error.cause instanceof Error ? ` (cause: ${error.cause.stack ?? error.cause.message})` : "";
  return {
    message: `${error.message}${cause}`,
    code: "code" in error && typeof error.code === "string" ? error.code : undefined,
    details: "details" in error ? error.details : undefined,
  };
}
