import type { ClientRequestArgs } from "node:http";
import type { AgentOptions, Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";

/** How long a proxy may take to connect. */
const CONNECT_MS_MAX = 30_000;

export interface Tunnel {
  readonly proxy: URL;
  /** Sent with `CONNECT`, which Node's own agent for proxies has no way to say. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** Keeps connections to https servers that a proxy makes. */
export function tunnelAgent(options: AgentOptions, { proxy, headers }: Tunnel): HttpsAgent {
  const { Agent } = process.getBuiltinModule("node:https");
  const agent = new Agent(options);
  agent.createConnection = (target: ClientRequestArgs, created): undefined => {
    const host = target.host?.includes(":") ? `[${target.host}]` : target.host;
    connected(proxy, headers, `${host}:${target.port}`).then(
      (socket) => {
        const { connect } = process.getBuiltinModule("node:tls");
        created?.(null, connect({ ...(target as ConnectionOptions), socket }));
      },
      // Whoever gets an error looks at nothing else.
      (error: Error) => created?.(error, undefined as unknown as Duplex),
    );
  };
  return agent;
}

/** A connection to the host, as the proxy passes it on. */
function connected(proxy: URL, headers: Tunnel["headers"], host: string): Promise<Duplex> {
  const { request } = process.getBuiltinModule(
    proxy.protocol === "https:" ? "node:https" : "node:http",
  );
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return new Promise((resolve, reject) => {
    const asked = request({
      method: "CONNECT",
      host: proxy.hostname.replace(/^\[|\]$/g, ""),
      port: proxy.port || (proxy.protocol === "https:" ? 443 : 80),
      path: host,
      agent: false,
      timeout: CONNECT_MS_MAX,
      headers: {
        ...(proxy.username === "" && proxy.password === ""
          ? {}
          : { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` }),
        ...Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]])),
        host,
      },
    });
    asked.on("error", reject);
    asked.on("timeout", () => asked.destroy(refusal()));
    // It answers as an ordinary server would.
    asked.on("response", () => asked.destroy(refusal()));
    asked.on("connect", ({ statusCode = 0 }, socket) => {
      if (statusCode >= 200 && statusCode < 300) {
        socket.setTimeout(0);
        resolve(socket);
      } else {
        socket.destroy();
        reject(refusal());
      }
    });
    asked.end();
  });
}

/** As Node's own. */
function refusal(): Error {
  return Object.assign(new Error("the proxy does not connect"), { code: "ERR_PROXY_TUNNEL" });
}
