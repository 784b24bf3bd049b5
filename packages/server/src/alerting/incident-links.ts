import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { OperatingError, StoredJson } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";

/** The collection of keys that this server signs with; never shown. */
const KEY_COLLECTION = "signing_keys";
const KEY_ID = "incident-links";
const KEY_SIZE = 32;
const FORMAT_VERSION = 1;

/** How long a link can be used: longer than anybody sleeps, shorter than a mail box is kept. */
export const LINK_LIFETIME_MS = 7 * 24 * 3_600_000;
/** Longer tokens are nobody's. */
export const TOKEN_LENGTH_MAX = 2048;

/** What a link lets whoever has it do. */
export interface LinkRight {
  readonly incidentId: string;
  readonly action: "acknowledge";
  /** Who was told, and so who probably uses it. */
  readonly receiver: string;
  readonly expiresAtMs: number;
}

/**
 * Links in notifications that acknowledge without a login: the token is the right. It is signed with a key that the
 * servers of one document store share.
 */
export class IncidentLinks {
  readonly #key: Uint8Array;
  readonly #baseUrl: string;

  /** `baseUrl` is where this server is reached from outside, without a slash at the end. */
  constructor(key: Uint8Array, baseUrl: string) {
    this.#key = key;
    this.#baseUrl = baseUrl;
  }

  /**
   * Takes the store's key, or makes one.
   *
   * @throws OperatingError `disk.corrupt`, and of the store.
   */
  static async open(store: DocumentStore, baseUrl: string): Promise<IncidentLinks> {
    const key = await store.transaction(async (tx) => {
      const document = await tx.get(KEY_COLLECTION, KEY_ID);
      if (document !== undefined) {
        const root = new StoredJson(document.body, "key of links");
        root.member("version").version(FORMAT_VERSION);
        return Buffer.from(root.member("key").text(), "base64url");
      }
      const made = randomBytes(KEY_SIZE);
      const body = { version: FORMAT_VERSION, key: made.toString("base64url") };
      await tx.put(KEY_COLLECTION, { id: KEY_ID, body, sortKey: 0 });
      return made;
    });
    return new IncidentLinks(key, baseUrl);
  }

  /** Where somebody who was told acknowledges an incident. */
  acknowledgeUrl(incidentId: string, receiver: string, nowMs: number): string {
    const expiresAtMs = nowMs + LINK_LIFETIME_MS;
    const token = this.token({ incidentId, action: "acknowledge", receiver, expiresAtMs });
    return `${this.#baseUrl}/api/v1/incidents/ack?token=${token}`;
  }

  /** Where an incident is shown. */
  incidentUrl(incidentId: string): string {
    return `${this.#baseUrl}/incidents/${incidentId}`;
  }

  token({ incidentId, action, receiver, expiresAtMs }: LinkRight): string {
    const claims = JSON.stringify([FORMAT_VERSION, incidentId, action, receiver, expiresAtMs]);
    const payload = Buffer.from(claims, "utf8").toString("base64url");
    return `${payload}.${this.#signature(payload).toString("base64url")}`;
  }

  /**
   * What a token lets one do.
   *
   * @throws OperatingError `input.invalid` where it is not one of ours, or too old; never which of the two parts differs.
   */
  verify(token: string, nowMs: number): LinkRight {
    const [payload = "", signature = "", ...more] = token.split(".");
    const given = Buffer.from(signature, "base64url");
    const wanted = this.#signature(payload);
    const isOurs =
      token.length <= TOKEN_LENGTH_MAX &&
      more.length === 0 &&
      given.length === wanted.length &&
      timingSafeEqual(given, wanted);
    if (!isOurs) throw new OperatingError("input.invalid", "this link is not valid");
    const right = claimsOf(payload);
    if (right.expiresAtMs <= nowMs)
      throw new OperatingError("input.invalid", "this link is too old; open the incident itself");
    return right;
  }

  #signature(payload: string): Buffer {
    return createHmac("sha256", this.#key).update(payload).digest();
  }
}

/** We have signed it, so that it is as we wrote it. */
function claimsOf(payload: string): LinkRight {
  const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  const [version, incidentId, action, receiver, expiresAtMs] = new StoredJson(
    claims,
    "token",
  ).items();
  version?.version(FORMAT_VERSION);
  return {
    incidentId: incidentId?.text() ?? "",
    action: action?.oneOf(["acknowledge"]) ?? "acknowledge",
    receiver: receiver?.text() ?? "",
    expiresAtMs: expiresAtMs?.number() ?? 0,
  };
}
