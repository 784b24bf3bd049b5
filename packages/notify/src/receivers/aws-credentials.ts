import { Secret } from "@pharos/base";
import type { SigV4Config } from "../config/paging-configs.ts";
import { DeliveryError } from "../receiver.ts";
import { awsMessage, awsUrl, element } from "./aws-request.ts";
import type { HttpSender } from "./http-sender.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import type { AwsCredentials } from "./sigv4.ts";

/** What the process knows of Amazon beside the configuration: the environment's variables and Amazon's own files. */
export interface AwsSurroundings {
  /** Those of a profile; "" for the usual one. Undefined where there are none. */
  credentials(profile: string): Promise<AwsCredentials | undefined>;
  /** "" where none is said. */
  region(profile: string): Promise<string>;
}

/** How long a role is lent to us, and how long before its end it is not used any more. */
const ROLE_SECONDS = 3600;
const EXPIRES_EARLY_MS = 60_000;

/** With whose name requests to Amazon are signed: the configuration's, the surroundings', or a role taken with them. */
export class AwsIdentity {
  readonly #config: SigV4Config;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;
  #role: { readonly credentials: AwsCredentials; readonly expiresAtMs: number } | undefined;

  constructor(config: SigV4Config, environment: ReceiverEnvironment, sender: HttpSender) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = sender;
  }

  /** @throws DeliveryError `notify.rejected` where none is known. */
  async region(): Promise<string> {
    const { region, profile } = this.#config;
    const known = region || (await this.#environment.aws?.region(profile)) || "";
    if (known === "")
      throw new DeliveryError(
        "notify.rejected",
        "sns: no region: set sigv4.region, or AWS_REGION in the environment",
      );
    return known;
  }

  /** @throws DeliveryError; or the signal's reason. */
  async credentials(region: string, signal: AbortSignal): Promise<AwsCredentials> {
    const { accessKey, secretKey, profile, roleArn } = this.#config;
    const { aws, clock } = this.#environment;
    if (this.#role !== undefined && clock.monotonicMs() < this.#role.expiresAtMs)
      return this.#role.credentials;
    const own =
      accessKey === "" || secretKey === undefined
        ? await aws?.credentials(profile)
        : { accessKey, secretKey };
    if (own === undefined)
      throw new DeliveryError(
        "notify.rejected",
        "sns: no credentials: set sigv4.access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
      );
    if (roleArn === "") return own;
    const credentials = await this.#assume(own, region, signal);
    const lastsMs = ROLE_SECONDS * 1000 - EXPIRES_EARLY_MS;
    this.#role = { credentials, expiresAtMs: clock.monotonicMs() + lastsMs };
    return credentials;
  }

  /** What was lent did not do: the next time it is asked for anew. */
  forget(): void {
    this.#role = undefined;
  }

  async #assume(own: AwsCredentials, region: string, signal: AbortSignal): Promise<AwsCredentials> {
    const { roleArn, externalId, useFipsStsEndpoint } = this.#config;
    const url = awsUrl(useFipsStsEndpoint ? "sts-fips" : "sts", region);
    const form = new URLSearchParams({
      Action: "AssumeRole",
      Version: "2011-06-15",
      RoleArn: roleArn,
      RoleSessionName: "pharos",
      DurationSeconds: String(ROLE_SECONDS),
      ...(externalId === "" ? {} : { ExternalId: externalId }),
    });
    const answer = await this.#sender.send(
      awsMessage(url, form, { region, service: "sts", credentials: own, nowMs: this.#nowMs() }),
      signal,
    );
    const secretKey = element(answer, "SecretAccessKey");
    if (secretKey === "")
      throw new DeliveryError("notify.unavailable", "sns: the role's answer holds no credentials");
    return {
      accessKey: element(answer, "AccessKeyId"),
      secretKey: new Secret(secretKey),
      sessionToken: new Secret(element(answer, "SessionToken")),
    };
  }

  #nowMs(): number {
    return this.#environment.clock.nowMs();
  }
}
