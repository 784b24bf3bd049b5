import { deepEqual, equal } from "node:assert/strict";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { TranslatingPool } from "../src/postgres/postgres-pool.ts";

test("after a statement that was never answered, a connection is asked nothing more and is given up", async () => {
  await using database = await SilentDatabase.open();
  const pool = new TranslatingPool(
    { host: "127.0.0.1", port: database.port, user: "ann", database: "db", query_timeout: 50 },
    "db",
  );
  const client = await pool.connect();
  const failed = (sql: string): Promise<unknown> => client.query(sql, []).then(String, same);
  const first = await failed("BEGIN");
  equal(first instanceof OperatingError && first.code, "database.unavailable");
  // The same failure, not that of another wait.
  equal(await failed("ROLLBACK"), first);
  client.release();
  const next = await pool.connect();
  next.release();
  await pool.end();
  deepEqual(database.asked, ["BEGIN"]);
  equal(database.connections, 2);
});

function same(error: unknown): unknown {
  return error;
}

/** Speaks as much of PostgreSQL's protocol as to let everybody in; then it answers nothing. */
class SilentDatabase implements AsyncDisposable {
  readonly asked: string[] = [];
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async open(): Promise<SilentDatabase> {
    const database = new SilentDatabase();
    await new Promise<void>((resolve) => database.#server.listen(0, "127.0.0.1", resolve));
    return database;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    this.connections++;
    socket.on("error", () => {}); // The other side gave it up.
    let isKnown = false;
    socket.on("data", (data) => {
      if (!isKnown) {
        isKnown = true;
        socket.write(Buffer.concat([message("R", Buffer.alloc(4)), READY]));
        return;
      }
      // Its kind and length before it, a zero behind it.
      const said = String(data);
      if (said.startsWith("Q")) {
        const sql = said.slice(5, -1);
        // What every new connection begins with.
        if (sql.includes("set_config"))
          socket.write(Buffer.concat([message("C", Buffer.from("SELECT 0\0")), READY]));
        else this.asked.push(sql);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** One byte for its kind, its length with the four bytes of that, and what it says. */
function message(kind: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const READY = message("Z", Buffer.from("I"));
