import { clusterClaimSchema, clusterStateSchema, clusterUpdatesSchema } from "@pharos/api";
import { OperatingError, type Secret } from "@pharos/base";
import type { ClusterTransport } from "@pharos/notify";
import type { HttpClient } from "@pharos/ports";
import type { z } from "zod";

/** How long a peer may take; shorter than after what it is taken to be down. */
const TIMEOUT_MS = 5000;
/** All that a peer knows, as one answer. */
const ANSWER_SIZE_MAX = 512 * 1024 * 1024;

/** Reaches peers over HTTP, at their base URL. */
export function clusterClient(
  http: HttpClient,
  secret: Secret | undefined,
  userAgent: string,
): ClusterTransport {
  const headers = {
    "Content-Type": "application/json",
    "User-Agent": userAgent,
    ...(secret === undefined ? {} : { Authorization: `Bearer ${secret.reveal()}` }),
  };
  const post = async <S extends z.ZodType>(
    url: string,
    body: object,
    schema: S,
    signal: AbortSignal,
  ): Promise<z.infer<S>> => {
    const answer = await http.request(
      {
        ...{ method: "POST", url, headers, body: JSON.stringify(body) },
        ...{ timeoutMs: TIMEOUT_MS, bodySizeMax: ANSWER_SIZE_MAX },
      },
      signal,
    );
    if (answer.status !== 200) throw failed(`${url} answers ${answer.status}`);
    const read = schema.safeParse(jsonOf(answer.body));
    if (!read.success) throw failed(`${url} answers as no peer does`);
    return read.data;
  };
  return {
    updates: (peer, request, signal) =>
      post(`${peer}/api/v1/cluster/updates`, request, clusterUpdatesSchema, signal),
    claim: (peer, request, signal) =>
      post(`${peer}/api/v1/cluster/claims`, request, clusterClaimSchema, signal),
    state: (peer, request, signal) =>
      post(`${peer}/api/v1/cluster/state`, request, clusterStateSchema, signal),
  };
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

function failed(text: string): OperatingError {
  return new OperatingError("http.failed", text);
}
