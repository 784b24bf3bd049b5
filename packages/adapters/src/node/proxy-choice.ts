import type { BlockList } from "node:net";
import type { HttpProxy } from "@pharos/ports";

/** What is looked up of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Through which proxy a request goes, as Go's programs decide it; undefined for none. */
export function chosenProxy(
  target: URL,
  { url, noProxy }: HttpProxy,
  environment: Environment,
): URL | undefined {
  if (url !== undefined)
    return noProxy !== "" && isExcepted(target, noProxy) ? undefined : proxyUrl(url);
  const of = (name: string): string => environment[name] || environment[name.toLowerCase()] || "";
  const proxy = proxyUrl(of(target.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY"));
  return proxy === undefined || isExcepted(target, of("NO_PROXY")) ? undefined : proxy;
}

/** The environment's may be without a scheme. */
function proxyUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  return (url?.host ? url : URL.parse(`http://${text}`)) ?? undefined;
}

/** This machine always is; a list that cannot be read in parts holds for the rest of it. */
function isExcepted(target: URL, noProxy: string): boolean {
  const { isIP, BlockList } = process.getBuiltinModule("node:net");
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = target.port || (target.protocol === "https:" ? "443" : "80");
  if (host === "localhost") return true;
  const family = isIP(host) === 6 ? "ipv6" : "ipv4";
  const contains = (add: (list: BlockList) => void): boolean => {
    if (isIP(host) === 0) return false;
    const list = new BlockList();
    try {
      add(list);
    } catch {
      return false; // No address, or no network.
    }
    return list.check(host, family);
  };
  const isLoopback = contains((list) => {
    list.addSubnet("127.0.0.0", 8);
    list.addAddress("::1", "ipv6");
  });
  if (isLoopback) return true;
  return noProxy.split(",").some((text) => {
    const entry = text.trim().toLowerCase();
    if (entry === "*") return true;
    const [, network = "", size] = /^([\d.a-f:]+)\/(\d+)$/.exec(entry) ?? [];
    if (size !== undefined)
      return contains((list) => list.addSubnet(network, Number(size), familyOf(isIP(network))));
    const [, bracketed, name = entry, ofPort] =
      /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
    if (ofPort !== undefined && ofPort !== port) return false;
    const wanted = bracketed ?? name;
    if (isIP(wanted) !== 0)
      return contains((list) => list.addAddress(wanted, familyOf(isIP(wanted))));
    if (wanted === "") return false;
    // `.example.com` and `*.example.com` are for hosts below it, `example.com` for itself as well.
    const below = wanted.replace(/^\*?\.?/, ".");
    return host.endsWith(below) || host === wanted;
  });
}

function familyOf(version: number): "ipv4" | "ipv6" {
  return version === 6 ? "ipv6" : "ipv4";
}
