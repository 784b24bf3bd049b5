import { createHash, timingSafeEqual } from "node:crypto";
import {
  clusterClaimBodySchema,
  clusterStateBodySchema,
  clusterUpdatesBodySchema,
} from "@pharos/api";
import type { Secret } from "@pharos/base";
import type { Cluster } from "@pharos/notify";
import type { Hono } from "hono";
import type { z } from "zod";
import { addRoute } from "./add-route.ts";
import { type Answer, failure, jsonAnswer } from "./answer.ts";
import { badData } from "./errors.ts";
import { formChunks } from "./parameters.ts";
import { refusedFromElsewhere } from "./rule-request.ts";

/** What peers ask of this server. */
export interface ClusterProvider {
  readonly cluster: Pick<Cluster, "answerUpdates" | "answerClaim" | "answerState">;
  readonly secret: Secret | undefined;
}

interface Dependencies {
  /** Undefined where this server has no peers. */
  readonly cluster: ClusterProvider | undefined;
}

/** For the servers that `--cluster-peer` names. */
export function addClusterRoutes(app: Hono, { cluster: provider }: Dependencies): void {
  const serve = <S extends z.ZodType>(
    name: string,
    schema: S,
    answer: (cluster: ClusterProvider["cluster"], body: z.infer<S>) => Promise<object>,
  ): void =>
    addRoute(app, ["POST"], `/api/v1/cluster/${name}`, async (request) => {
      if (provider === undefined)
        return failure(404, "not_found", "this server has no peers: see --cluster-peer");
      const refused = refusedFromElsewhere(request) ?? unknownPeer(request, provider.secret);
      if (refused !== undefined) return refused;
      const body = await answer(provider.cluster, await bodyOf(request, schema));
      return jsonAnswer(JSON.stringify(body));
    });
  serve("updates", clusterUpdatesBodySchema, (cluster, body) => cluster.answerUpdates(body));
  serve("claims", clusterClaimBodySchema, (cluster, body) => cluster.answerClaim(body));
  serve("state", clusterStateBodySchema, (cluster, body) => cluster.answerState(body));
}

function unknownPeer(request: Request, secret: Secret | undefined): Answer | undefined {
  if (secret === undefined) return undefined;
  const given = request.headers.get("Authorization") ?? "";
  if (timingSafeEqual(hashOf(given), hashOf(`Bearer ${secret.reveal()}`))) return undefined;
  return failure(403, "bad_data", "not without the secret of this cluster");
}

/** Of one length, whatever was given. */
function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

async function bodyOf<S extends z.ZodType>(request: Request, schema: S): Promise<z.infer<S>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of formChunks(request)) chunks.push(chunk);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw badData("the body is not JSON", error);
  }
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw badData(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not as a peer sends it"}`);
}
