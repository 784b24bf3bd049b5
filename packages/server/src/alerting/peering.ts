import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Incident, silenceFromJson, silenceToJson } from "@pharos/alert";
import { clusterActionSchema } from "@pharos/api";
import { type Clock, errorText, OperatingError, Secret } from "@pharos/base";
import {
  Cluster,
  type ClusterUpdate,
  type Dispatcher,
  type IncidentAction,
  type IncidentBook,
  type SilenceBook,
} from "@pharos/notify";
import type { HttpClient, Json } from "@pharos/ports";
import type { AlertmanagerCluster } from "../http/alertmanager-routes.ts";
import type { ServeOptions } from "../options.ts";
import { clusterClient } from "./cluster-client.ts";

/** How long what a peer's people did waits for the incident to be open here too. */
const EARLY_MS_MAX = 2 * 60_000;
/** So much of it waits. */
const EARLY_MAX = 10_000;

/** The servers that share alerts with this one, and no database. */
export interface ClusterSettings {
  /** Another one than any peer's. */
  readonly name: string;
  /** Base URLs; this server's own may be among them. */
  readonly peers: readonly string[];
  /** What all of them know and nobody else; undefined where whoever reaches this server may be one of them. */
  readonly secret: Secret | undefined;
  readonly timeoutMs: number;
}

export interface PeeringOptions {
  readonly settings: ClusterSettings;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** The cluster, and what whoever speaks for it must know. */
export interface Peering {
  readonly cluster: Cluster;
  readonly secret: Secret | undefined;
}

/** What the options say; undefined where this server has no peers. @throws OperatingError `config.invalid` */
export function clusterSettings(options: ServeOptions, name: string): ClusterSettings | undefined {
  const { clusterPeers: peers, clusterSecretFile, clusterPeerTimeoutMs, databaseUrl } = options;
  if (peers.length === 0) return undefined;
  if (databaseUrl !== undefined)
    throw new OperatingError(
      "config.invalid",
      "--cluster-peer is for servers that share no database; with --database-url they need none",
    );
  const secret = clusterSecretFile === undefined ? undefined : readSecret(clusterSecretFile);
  return { name, peers, secret, timeoutMs: clusterPeerTimeoutMs };
}

function readSecret(path: string): Secret {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new OperatingError("config.invalid", `--cluster-secret-file: ${errorText(error)}`);
  }
  if (text === "") throw new OperatingError("config.invalid", `${path} is empty`);
  return new Secret(text);
}

/** How the servers are shown to clients of Alertmanager; undefined where this one is alone. */
export function shownCluster(
  peering: Peering | undefined,
  self: { readonly name: string; readonly address: string; readonly isShared: boolean },
): AlertmanagerCluster | undefined {
  const { name, address, isShared } = self;
  if (isShared) return { name, peers: [{ name, address }], status: "ready" };
  if (peering === undefined) return undefined;
  const { cluster } = peering;
  const others = cluster.members().filter(({ isUp, name: known }) => isUp && known !== "");
  return {
    name,
    peers: [
      { name, address },
      ...others.map((peer) => ({ name: peer.name, address: peer.address })),
    ],
    status: cluster.isSettled ? "ready" : "settling",
  };
}

export function openPeering(options: PeeringOptions): Peering {
  const { settings, http, userAgent, clock, onProblem } = options;
  const { secret } = settings;
  const transport = clusterClient(http, secret, userAgent);
  const instance = randomUUID();
  return { cluster: new Cluster({ ...settings, instance, transport, clock, onProblem }), secret };
}

/** A silence as peers hear of it. */
export function silenceUpdates(
  silences: Iterable<Parameters<typeof silenceToJson>[0]>,
): ClusterUpdate[] {
  return [...silences].map((silence) => ({ kind: "silence", silence: silenceToJson(silence) }));
}

/** What a person did about an incident, as peers hear of it: they know it by its group. */
export function incidentUpdate(incident: Incident, action: IncidentAction): ClusterUpdate {
  const { kind, by, comment } = action;
  const told: Json =
    kind === "acknowledge"
      ? { kind, by, comment, untilMs: incident.acknowledgement?.untilMs ?? action.untilMs }
      : { kind, by, comment };
  return { kind: "incident", groupId: incident.group.id, action: told };
}

export interface PeeringParts {
  readonly dispatcher: Pick<Dispatcher, "peers">;
  readonly silences: Pick<SilenceBook, "list" | "merge">;
  readonly incidents: Pick<IncidentBook, "live" | "ofGroup" | "act" | "listen">;
  readonly clock: Clock;
  readonly onProblem: PeeringOptions["onProblem"];
}

/** Lets the parts hear of the peers, and the peers of the parts. */
export function startCluster(cluster: Cluster, parts: PeeringParts): void {
  const { dispatcher, silences, incidents } = parts;
  const actions = new PeerActions(parts);
  cluster.start(
    {
      async takeTold({ document }) {
        if (document !== null) await dispatcher.peers.adoptTold(document);
      },
      async takeUpdate(update) {
        if (update.kind === "alert") await dispatcher.peers.adoptAlert(update.document);
        else if (update.kind === "silence") await silences.merge([silenceFromJson(update.silence)]);
        else await actions.take(update.groupId, update.action);
      },
      *state() {
        for (const document of dispatcher.peers.postedAlerts()) yield { kind: "alert", document };
        yield* silenceUpdates(silences.list()) as Exclude<ClusterUpdate, { kind: "told" }>[];
        yield* acknowledgements(incidents);
      },
    },
    dispatcher.peers.told(),
  );
}

function* acknowledgements(
  incidents: PeeringParts["incidents"],
): Generator<Extract<ClusterUpdate, { kind: "incident" }>> {
  for (const { group, acknowledgement } of incidents.live()) {
    if (acknowledgement === null) continue;
    const { by, comment, untilMs } = acknowledgement;
    const action = { kind: "acknowledge", by, comment, untilMs };
    yield { kind: "incident", groupId: group.id, action };
  }
}

/** What people did at peers about incidents, which are known by their groups: here they have other ids. */
class PeerActions {
  readonly #incidents: PeeringParts["incidents"];
  readonly #clock: Clock;
  readonly #onProblem: PeeringOptions["onProblem"];
  /** By group, of incidents that are not open here yet. The oldest are let go. */
  readonly #early = new Map<string, { readonly action: IncidentAction; readonly atMs: number }>();

  constructor({ incidents, clock, onProblem }: PeeringParts) {
    this.#incidents = incidents;
    this.#clock = clock;
    this.#onProblem = onProblem;
    incidents.listen(({ group: { id } }) => {
      const early = this.#early.get(id);
      if (early === undefined) return;
      this.#early.delete(id);
      if (early.atMs + EARLY_MS_MAX > clock.nowMs()) void this.#takeEarly(id, early.action);
    });
  }

  async take(groupId: string, json: Json): Promise<void> {
    const read = clusterActionSchema.safeParse(json);
    if (!read.success)
      throw new OperatingError("input.invalid", "a peer tells of something that nobody can do");
    await this.#act(groupId, read.data);
  }

  async #takeEarly(groupId: string, action: IncidentAction): Promise<void> {
    try {
      await this.#act(groupId, action);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#onProblem(error, "doing what was done at a peer");
    }
  }

  async #act(groupId: string, action: IncidentAction): Promise<void> {
    const incident = this.#incidents.ofGroup(groupId);
    if (incident === undefined) {
      // Rules are not evaluated at the same moment everywhere.
      const [oldest] = this.#early.keys();
      if (oldest !== undefined && this.#early.size >= EARLY_MAX) this.#early.delete(oldest);
      if (action.kind !== "comment")
        this.#early.set(groupId, { action, atMs: this.#clock.nowMs() });
      return;
    }
    const { acknowledgement: known } = incident;
    const isSame =
      action.kind === "acknowledge" && known?.by === action.by && known.untilMs === action.untilMs;
    if (isSame) return;
    try {
      await this.#incidents.act(incident.id, action);
    } catch (error) {
      // It is over, or is as it should be.
      if (!(error instanceof OperatingError && error.code === "conflict")) throw error;
    }
  }
}
