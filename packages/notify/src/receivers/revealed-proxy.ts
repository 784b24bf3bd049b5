import type { HttpProxy } from "@pharos/ports";
import type { NotificationProxy } from "../config/integration-base.ts";

/** The proxy as requests name it, with its secrets; nothing where there is none. */
export function revealedProxy(proxy: NotificationProxy | undefined): { proxy?: HttpProxy } {
  if (proxy === undefined) return {};
  const { url, noProxy, connectHeaders } = proxy;
  return {
    proxy: {
      ...{ url: url?.reveal(), noProxy },
      ...(connectHeaders === undefined
        ? {}
        : {
            connectHeaders: Object.fromEntries(
              connectHeaders.map(([name, values]) => [name, values.map((each) => each.reveal())]),
            ),
          }),
    },
  };
}
