import { z } from "zod";

/** Names and addresses of servers. */
const NAME_LENGTH_MAX = 256;
/** Updates in one request; more are none of a peer. */
export const CLUSTER_UPDATES_MAX = 2000;

const nameSchema = z.string().min(1).max(NAME_LENGTH_MAX);
/** Drawn at each start of a server; absent where an older one answers. */
const instanceSchema = z.string().max(NAME_LENGTH_MAX).default("");
const documentSchema = z.object({ id: z.string(), sortKey: z.number(), body: z.json() });
const toldSchema = z.object({
  kind: z.literal("told"),
  slot: z.string(),
  settledAtMs: z.number(),
  document: documentSchema.nullable(),
});

/** What servers that share no database tell each other: documents as they are kept. */
export const clusterUpdateSchema = z.discriminatedUnion("kind", [
  toldSchema,
  z.object({ kind: z.literal("alert"), document: documentSchema }),
  z.object({ kind: z.literal("silence"), silence: z.json() }),
  z.object({ kind: z.literal("incident"), groupId: z.string(), action: z.json() }),
]);

export const clusterUpdatesBodySchema = z.object({
  from: nameSchema,
  updates: z.array(clusterUpdateSchema).max(CLUSTER_UPDATES_MAX),
});
export const clusterUpdatesSchema = z.object({ name: nameSchema, instance: instanceSchema });

export const clusterClaimBodySchema = z.object({
  from: nameSchema,
  slot: z.string(),
  knownMs: z.number(),
});
export const clusterClaimSchema = z.object({
  name: nameSchema,
  instance: instanceSchema,
  claim: z.enum(["granted", "wait", "told"]),
  told: toldSchema.nullable(),
});

export const clusterStateBodySchema = z.object({ from: nameSchema, digest: z.string() });
export const clusterStateSchema = z.object({
  name: nameSchema,
  instance: instanceSchema,
  digest: z.string(),
  updates: z.array(clusterUpdateSchema),
});

/** What a person did about the incident of a group, as it is told to peers. */
export const clusterActionSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("acknowledge"),
    by: z.string(),
    comment: z.string(),
    untilMs: z.number().nullable(),
  }),
  z.object({
    kind: z.enum(["unacknowledge", "resolve", "comment"]),
    by: z.string(),
    comment: z.string(),
  }),
]);
