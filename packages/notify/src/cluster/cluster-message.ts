import type { Json } from "@pharos/ports";

/** What was told last of one slot: an integration and a group, or a page. */
export interface ToldUpdate {
  readonly kind: "told";
  readonly slot: string;
  /** When; after all that whoever told knew of the slot. Clocks need not agree for that. */
  readonly settledAtMs: number;
  /** The document of the record; null for a page, which has none. */
  readonly document: StoredJsonDocument | null;
}

/** A document as it is kept. */
export interface StoredJsonDocument {
  readonly id: string;
  readonly sortKey: number;
  readonly body: Json;
}

/** A person did something about the incident of a group. */
export interface IncidentUpdate {
  readonly kind: "incident";
  readonly groupId: string;
  readonly action: Json;
}

/** What servers tell each other. */
export type ClusterUpdate =
  | ToldUpdate
  | { readonly kind: "alert"; readonly document: StoredJsonDocument }
  | { readonly kind: "silence"; readonly silence: Json }
  | IncidentUpdate;

/** The next update of the same thing takes its place in a queue. */
export function updateKey(update: ClusterUpdate): string {
  switch (update.kind) {
    case "told":
      return `told ${update.slot}`;
    case "alert":
      return `alert ${update.document.id}`;
    case "silence":
      return `silence ${(update.silence as { readonly id: string }).id}`;
    case "incident":
      // Each deed counts: a comment does not take the place of another one.
      return `incident ${update.groupId} ${JSON.stringify(update.action)}`;
  }
}

/** Who asks or tells; the names of a cluster differ, and their order decides who is asked first. */
export interface Hello {
  readonly from: string;
}

export interface UpdatesRequest extends Hello {
  readonly updates: readonly ClusterUpdate[];
}

export interface ClaimRequest extends Hello {
  readonly slot: string;
  /** `settledAtMs` of what the asking server knows; 0 for nothing. */
  readonly knownMs: number;
}

export interface StateRequest extends Hello {
  /** Of what the asking server knows. */
  readonly digest: string;
}

/** Who answers. */
export interface UpdatesAnswer {
  readonly name: string;
  /** Drawn at its start: tells two servers apart that were given one name. "" of an older Pharos. */
  readonly instance: string;
}

export interface ClaimAnswer extends UpdatesAnswer {
  /** "granted": nobody else sends it. "wait": somebody does, or it is not known yet. "told": see `told`. */
  readonly claim: "granted" | "wait" | "told";
  readonly told: ToldUpdate | null;
}

export interface StateAnswer extends UpdatesAnswer {
  readonly digest: string;
  /** Nothing where both know the same. */
  readonly updates: readonly ClusterUpdate[];
}

/** How one server reaches another. Errors are `OperatingError`, with any code. */
export interface ClusterTransport {
  updates(peer: string, request: UpdatesRequest, signal: AbortSignal): Promise<UpdatesAnswer>;
  claim(peer: string, request: ClaimRequest, signal: AbortSignal): Promise<ClaimAnswer>;
  state(peer: string, request: StateRequest, signal: AbortSignal): Promise<StateAnswer>;
}
