import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { SimClock } from "@pharos/testing";
import { Cluster } from "../src/cluster/cluster.ts";
import type { ClusterTransport } from "../src/cluster/cluster-message.ts";

/** Servers by their addresses, which are all in the list of each. */
class Servers implements AsyncDisposable {
  readonly clock = new SimClock(1_700_000_000_000);
  readonly problems: string[] = [];
  readonly #clusters = new Map<string, Cluster>();

  start(address: string, name: string, peers: readonly string[]): Cluster {
    const cluster = new Cluster({
      ...{ name, instance: `instance of ${address}`, peers, clock: this.clock },
      transport: this.#transport,
      onProblem: (error) => void this.problems.push(`${address}: ${error.message}`),
    });
    this.#clusters.set(address, cluster);
    cluster.start({ takeTold: async () => {}, takeUpdate: async () => {}, state: () => [] }, []);
    return cluster;
  }

  get #transport(): ClusterTransport {
    const at = (address: string): Cluster => {
      const cluster = this.#clusters.get(address);
      if (cluster === undefined) throw new OperatingError("http.failed", "connection refused");
      return cluster;
    };
    return {
      updates: async (address, request) => at(address).answerUpdates(request),
      claim: async (address, request) => at(address).answerClaim(request),
      state: async (address, request) => at(address).answerState(request),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#clusters.values()].map((each) => each[Symbol.asyncDispose]()));
  }
}

test("a server that is in its own list leaves itself out, and says nothing of it", async () => {
  await using servers = new Servers();
  const list = ["http://a", "http://b"];
  const a = servers.start("http://a", "a", list);
  const b = servers.start("http://b", "b", list);
  await servers.clock.advance(10_000);
  const seen = [a, b].map((each) => each.members().map(({ name, isUp }) => [name, isUp]));
  deepEqual(seen, [[["b", true]], [["a", true]]]);
  deepEqual(servers.problems, []);
  equal(await a.claim("slot"), "granted");
});

test("two servers of one name say so, once, and each goes on alone", async () => {
  await using servers = new Servers();
  const list = ["http://a", "http://b"];
  const a = servers.start("http://a", "twin", list);
  const b = servers.start("http://b", "twin", list);
  await servers.clock.advance(200_000);
  const [first = "", second = "", ...others] = servers.problems.toSorted();
  match(
    first,
    /^http:\/\/a: http:\/\/b is another server that is called twin as well: .*--replica/,
  );
  match(second, /^http:\/\/b: http:\/\/a is another server/);
  deepEqual(others, []);
  for (const each of [a, b]) {
    deepEqual(
      each.members().map(({ isUp }) => isUp),
      [false],
      "it counts as one that is missing",
    );
    equal(each.isSettled, true);
    equal(await each.claim("slot"), "granted");
  }
});
