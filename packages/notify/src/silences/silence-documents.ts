import { type Silence, silenceFromJson, silenceToJson } from "@pharos/alert";
import type { StoredDocument } from "@pharos/ports";

/** The collection of silences; on disk for ever. */
export const SILENCE_COLLECTION = "silences";

/** `changeNumber` orders changes: see `SilenceBook`. */
export function silenceToDocument(silence: Silence, changeNumber: number): StoredDocument {
  return { id: silence.id, body: silenceToJson(silence), sortKey: changeNumber };
}

/** @throws OperatingError `disk.corrupt`. */
export function silenceFromDocument({ body }: StoredDocument): Silence {
  return silenceFromJson(body);
}
