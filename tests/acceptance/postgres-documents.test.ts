import { equal, match, ok, rejects } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openPostgresDocumentStore } from "@pharos/adapters/postgres";
import { OperatingError } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { documentStoreConformance } from "@pharos/testing";
import { eventually, freePort } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";
import { PostgresProcess, skipWithoutPostgres } from "../harness/postgres-process.ts";

describe("PostgreSQL", { skip: skipWithoutPostgres() }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let postgres: PostgresProcess;
  let databases = 0;

  before(async () => {
    folder = await temporaryFolder();
    // As somebody may have set it who did not think of us.
    postgres = await PostgresProcess.start(folder.path, ["synchronous_commit=off"]);
  });
  after(async () => {
    await postgres[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const newDatabase = (): Promise<string> => postgres.createDatabase(`test_${databases++}`);
  const open = (url: string): Promise<DocumentStore> =>
    openPostgresDocumentStore({ url, waitMsMax: 0 });
  const put = (store: DocumentStore, id: string, body: number): Promise<void> =>
    store.transaction((tx) => tx.put("things", { id, body, sortKey: 0 }));
  const bodyOf = (store: DocumentStore, id: string): Promise<unknown> =>
    store.read(async (tx) => (await tx.get("things", id))?.body);
  /** Ends every session of Pharos on a database, as an administrator or a failing network does. */
  const cutConnections = (url: string): Promise<string> =>
    postgres.psql(
      `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'pharos' AND datname = '${new URL(url).pathname.slice(1)}'`,
    );

  documentStoreConformance("PostgreSQL", async () => open(await newDatabase()));

  test("documents are there after the store was closed and opened again", async () => {
    const url = await newDatabase();
    {
      await using store = await open(url);
      await put(store, "a", 1);
    }
    await using store = await open(url);
    equal(await bodyOf(store, "a"), 1);
  });

  test("servers that start at once on an empty database make its tables once", async () => {
    const url = await newDatabase();
    const stores = await Promise.all([open(url), open(url), open(url), open(url)]);
    await Promise.all(stores.map((store, at) => put(store, `store ${at}`, at)));
    for (const store of stores) equal(await bodyOf(store, "store 3"), 3);
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
    const database = new URL(url).pathname.slice(1);
    equal(await postgres.psql("SELECT count(*) FROM pharos_schema", database), "1");
  });

  test("transactions of two servers do not overlap: no update is lost", async () => {
    const url = await newDatabase();
    await using first = await open(url);
    await using second = await open(url);
    const increment = (store: DocumentStore): Promise<void> =>
      store.transaction(async (tx) => {
        const counter = (await tx.get("things", "counter"))?.body ?? 0;
        await new Promise(setImmediate);
        await tx.put("things", { id: "counter", body: Number(counter) + 1, sortKey: 0 });
      });
    await Promise.all(
      Array.from({ length: 100 }, (_, at) => increment(at % 2 === 0 ? first : second)),
    );
    equal(await bodyOf(first, "counter"), 100);
  });

  test("a read does not wait for the transaction of another server, and does not see its half", async () => {
    const url = await newDatabase();
    await using first = await open(url);
    await using second = await open(url);
    await put(first, "a", 1);
    await first.transaction(async (tx) => {
      await tx.put("things", { id: "a", body: 2, sortKey: 0 });
      equal(await bodyOf(second, "a"), 1);
    });
    equal(await bodyOf(second, "a"), 2);
  });

  test("a server hears of what another one wrote, and once of what it wrote itself", async () => {
    const url = await newDatabase();
    await using first = await open(url);
    await using second = await open(url);
    let byFirst = 0;
    let bySecond = 0;
    using _one = first.watch("things", () => byFirst++);
    using _two = second.watch("things", () => bySecond++);
    await put(first, "a", 1);
    equal(byFirst, 1);
    await eventually("the other server hears of it", async () => bySecond === 1);
    // What comes after it came after everything that the first one may have been told.
    await put(second, "a", 2);
    await eventually("the first server hears of it", async () => byFirst === 2);
  });

  test("connections cut in the middle of a transaction leave nothing of it, and the next one works", async () => {
    const url = await newDatabase();
    await using store = await open(url);
    await put(store, "a", 1);
    const failing = store.transaction(async (tx) => {
      await tx.put("things", { id: "a", body: 2, sortKey: 0 });
      await cutConnections(url);
      await tx.put("things", { id: "b", body: 2, sortKey: 0 });
    });
    await rejects(failing, (error) => {
      ok(error instanceof OperatingError && error.retryable);
      equal(error.code, "database.unavailable");
      match(error.message, new RegExp(`^127.0.0.1:${postgres.port}/test_`));
      return true;
    });
    await put(store, "c", 3);
    equal(await bodyOf(store, "a"), 1);
    equal(await bodyOf(store, "b"), undefined);
  });

  test("a statement that failed fails its transaction, also where that was ignored", async () => {
    await using store = await open(await newDatabase());
    const failing = store.transaction(async (tx) => {
      await tx.put("things", { id: "a", body: 1, sortKey: 0 });
      await cutConnections(postgres.url(`test_${databases - 1}`));
      await tx.get("things", "a").catch(() => {});
    });
    await rejects(failing, { code: "database.unavailable" });
    equal(await bodyOf(store, "a"), undefined);
  });

  test("after the connection that listens was lost, everything counts as changed", async () => {
    const url = await newDatabase();
    await using store = await open(url);
    let told = 0;
    using _watching = store.watch("things", () => told++);
    await cutConnections(url);
    await eventually("told after the gap", async () => told > 0);
    await using other = await open(url);
    told = 0;
    await put(other, "a", 1);
    await eventually("told of changes again", async () => told > 0);
  });

  test("a commit of which nobody knows whether it was kept says so", async () => {
    const url = await newDatabase();
    await using proxy = await CuttingProxy.start(postgres.port);
    const proxied = new URL(url);
    proxied.port = String(proxy.port);
    await using store = await open(proxied.href);
    await put(store, "a", 1);
    proxy.cutAt = "COMMIT";
    await rejects(put(store, "a", 2), {
      code: "database.unavailable",
      message: /nobody knows whether it was kept/,
    });
    proxy.cutAt = undefined;
    await eventually("the database is there again", () =>
      put(store, "b", 3).then(
        () => true,
        () => false,
      ),
    );
    // The proxy passed nothing on: it was not.
    equal(await bodyOf(store, "a"), 1);
  });

  test("a database that crashes under load loses nothing that was acknowledged, and the store goes on", async () => {
    // One of its own: after a crash all databases are synced, and those of the other tests are many.
    await using own = await temporaryFolder();
    await using crashing = await PostgresProcess.start(own.path);
    await using store = await open(crashing.url());
    let acknowledged = 0;
    let failed = 0;
    let isLoaded = true;
    const load = async (): Promise<void> => {
      for (let next = 0; isLoaded; ) {
        try {
          await put(store, `round ${next}`, next);
          acknowledged = ++next;
        } catch (error) {
          ok(error instanceof OperatingError && error.code === "database.unavailable", `${error}`);
          failed++;
          await sleep(10);
        }
      }
    };
    const crashTwice = async (): Promise<void> => {
      try {
        for (const crash of [1, 2]) {
          await eventually("some rounds", async () => acknowledged > 50 * crash);
          await crashing.stop("SIGQUIT");
          const before = failed;
          await eventually("the loss is noticed", async () => failed > before);
          await crashing.restart();
        }
        const before = acknowledged;
        await eventually("the load goes on", async () => acknowledged > before + 10);
      } finally {
        isLoaded = false;
      }
    };
    await Promise.all([load(), crashTwice()]);
    const rounds = await store.read((tx) => tx.list("things", { limit: 100_000 }));
    equal(rounds.length, acknowledged);
    ok(rounds.every(({ id, body }) => id === `round ${body}`));
  });

  test("while the database is away, what waits fails soon, not one timeout after the other", async () => {
    const url = await newDatabase();
    await using proxy = await CuttingProxy.start(postgres.port);
    const proxied = new URL(url);
    proxied.port = String(proxy.port);
    await using store = await open(proxied.href);
    proxy.isSilent = true;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 500 }, (_, at) => put(store, `${at}`, at)),
    );
    ok(outcomes.every(({ status }) => status === "rejected"));
    proxy.isSilent = false;
  });

  test("commits are on the disk before they are acknowledged, whatever the database's default", async () => {
    const url = await newDatabase();
    await using store = await open(url);
    const database = new URL(url).pathname.slice(1);
    await postgres.psql(
      `CREATE TABLE seen (setting text);
       CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
       CREATE TRIGGER see AFTER INSERT ON documents EXECUTE FUNCTION see()`,
      database,
    );
    equal(await postgres.psql("SHOW synchronous_commit"), "off");
    await put(store, "a", 1);
    equal(await postgres.psql("SELECT setting FROM seen", database), "on");
  });

  test("a database that refuses is told at once and without the password", async () => {
    const url = await newDatabase();
    const refused = async (wrong: (url: URL) => void, message: RegExp): Promise<void> => {
      const changed = new URL(url);
      wrong(changed);
      await rejects(
        openPostgresDocumentStore({ url: changed.href, waitMsMax: 60_000 }),
        (error) => {
          ok(error instanceof OperatingError);
          equal(error.code, "config.invalid");
          match(error.message, message);
          ok(!error.message.includes("secret"));
          return true;
        },
      );
    };
    await refused((changed) => {
      changed.password = "another-secret";
    }, /127.0.0.1:\d+\/test_\d+: password authentication failed for user "pharos"/);
    await refused((changed) => {
      changed.pathname = "/nowhere";
    }, /database "nowhere" does not exist/);
    await refused((changed) => changed.searchParams.set("sslmode", "prefer"), /sslmode is one of/);
    await refused((changed) => changed.searchParams.set("passwort", "secret"), /passwort is not/);
  });

  test("the password may come from a file, which is read again for each connection", async () => {
    const url = new URL(await newDatabase());
    url.password = "";
    const passwordFile = join(folder.path, "password");
    await writeFile(passwordFile, "old\n");
    const opened = { url: url.href, passwordFile, waitMsMax: 0 };
    await rejects(openPostgresDocumentStore(opened), { code: "config.invalid" });
    await writeFile(passwordFile, `${postgres.password}\n`);
    await using store = await openPostgresDocumentStore(opened);
    await put(store, "a", 1);
    const missing = { ...opened, passwordFile: join(folder.path, "missing") };
    await rejects(openPostgresDocumentStore(missing), /the file with its password: ENOENT/);
  });

  test("a database that is away is tried for as long as was said", async () => {
    const url = new URL(postgres.url());
    url.port = String(await freePort());
    const waits: string[] = [];
    await rejects(
      openPostgresDocumentStore({
        url: url.href,
        waitMsMax: 1200,
        onWaiting: ({ message }) => waits.push(message),
      }),
      { code: "database.unavailable", message: /does not answer, tried for 1 s: .*ECONNREFUSED/ },
    );
    equal(waits.length, 1);
  });

  test("tables of a newer Pharos are refused and left as they are", async () => {
    const url = await newDatabase();
    const database = new URL(url).pathname.slice(1);
    await postgres.psql(
      "CREATE TABLE pharos_schema (version integer); INSERT INTO pharos_schema VALUES (99)",
      database,
    );
    await rejects(open(url), { code: "config.invalid", message: /version 99 .* newer Pharos/ });
    const tables = await postgres.psql(
      "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
      database,
    );
    equal(tables, "1");
  });
});

/** Between a store and its database: passes everything on until it is told not to. */
class CuttingProxy implements AsyncDisposable {
  /** Bytes from the client with this text are not passed on any more, and its connection is cut. */
  cutAt: string | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#pass(client));
  #port: number;
  readonly #target: number;
  #isSilent = false;

  private constructor(target: number) {
    this.#target = target;
    this.#port = 0;
  }

  static async start(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    await new Promise<void>((done) => proxy.#server.listen(0, "127.0.0.1", done));
    const address = proxy.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    proxy.#port = address.port;
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Cuts what is there and answers nothing to what comes, as a host does that is gone behind its network. */
  set isSilent(silent: boolean) {
    this.#isSilent = silent;
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(client: Socket): void {
    this.#sockets.add(client);
    client.on("error", () => {});
    if (this.#isSilent) return;
    const server = connect(this.#target, "127.0.0.1");
    this.#sockets.add(server);
    server.on("error", () => {});
    server.on("close", () => client.destroy());
    client.on("close", () => server.destroy());
    server.pipe(client);
    client.on("data", (bytes: Buffer) => {
      if (this.cutAt !== undefined && bytes.includes(this.cutAt)) client.destroy();
      else server.write(bytes);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }
}
