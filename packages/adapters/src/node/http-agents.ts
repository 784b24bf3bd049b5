import type { Agent, AgentOptions } from "node:http";
import type { HttpProxy } from "@pharos/ports";
import { chosenProxy, type Environment } from "./proxy-choice.ts";
import { tunnelAgent } from "./tunnel-agent.ts";

/** How many connections may be open to one host at a time: one for each notification that may be on its way to it. */
const SOCKETS_PER_HOST_MAX = 256;
/** How long an unused connection is kept: longer than common scrape intervals. */
const IDLE_SOCKET_MS = 75_000;
/** For so many proxies connections are kept; of more, those of the one that came first are closed. */
const PROXIES_MAX = 32;

const OPTIONS: AgentOptions = {
  keepAlive: true,
  maxSockets: SOCKETS_PER_HOST_MAX,
  timeout: IDLE_SOCKET_MS,
  scheduling: "lifo",
};

interface AgentPair {
  readonly http: Agent;
  readonly https: Agent;
}

/** What keeps connections alive: those without a proxy, and those by way of each. */
export class HttpAgents {
  readonly #environment: Environment;
  readonly #direct = agentPair(OPTIONS);
  readonly #byProxy = new Map<string, AgentPair>();

  /** @param environment where the proxies are looked up of requests that want the environment's. */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** What keeps the connections that a request may use. */
  of(target: URL, wanted: HttpProxy | undefined): Agent {
    const kind = target.protocol === "https:" ? "https" : "http";
    const proxy = wanted && chosenProxy(target, wanted, this.#environment);
    if (proxy === undefined) return this.#direct[kind];
    const headers = wanted?.connectHeaders;
    const key = headers === undefined ? proxy.href : `${proxy.href} ${JSON.stringify(headers)}`;
    let agents = this.#byProxy.get(key);
    if (agents === undefined) {
      this.#makeRoom();
      agents = agentPair({
        ...OPTIONS,
        proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href },
      });
      if (headers !== undefined)
        agents = { http: agents.http, https: tunnelAgent(OPTIONS, { proxy, headers }) };
      this.#byProxy.set(key, agents);
    }
    return agents[kind];
  }

  #makeRoom(): void {
    if (this.#byProxy.size < PROXIES_MAX) return;
    for (const [key, agents] of this.#byProxy) {
      closePair(agents);
      this.#byProxy.delete(key);
      return;
    }
  }

  close(): void {
    for (const agents of [this.#direct, ...this.#byProxy.values()]) closePair(agents);
  }
}

function agentPair(options: AgentOptions): AgentPair {
  // Not imported: threads that only want this folder's disk would load all of Node's networking with it.
  const { Agent: HttpAgent } = process.getBuiltinModule("node:http");
  const { Agent: HttpsAgent } = process.getBuiltinModule("node:https");
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
}

function closePair({ http, https }: AgentPair): void {
  http.destroy();
  https.destroy();
}
