import { connect, createServer, type Server, type Socket } from "node:net";
import { portOf } from "./server-process.js";

/** A loopback port before a server of any protocol: passes everything on, or resets every connection while it is shut. */
export class TCPGate implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isShut = false;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = portOf(server);
    server.on("connection", (socket) => {
      if (this.#isShut) {
        socket.resetAndDestroy();
        return;
      }
      const onward = connect({ port: target, host: "127.0.0.1" });
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.once("close", () => {
          this.#sockets.delete(one);
          other.end();
        });
        one.pipe(other);
      }
    });
  }

  /** Open, in front of a server on a loopback port. */
  static async start(target: { readonly port: number }): Promise<TCPGate> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    return new TCPGate(server, target.port);
  }

  open(): void {
    this.#isShut = false;
  }

  /** Resets what is connected, and whoever connects. */
  shut(): void {
    this.#isShut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.shut();
    await closed;
  }
}
