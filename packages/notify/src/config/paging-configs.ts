import type { Secret } from "@pharos/base";
import type { Json } from "@pharos/ports";
import type { HttpIntegrationBase, NamedText } from "./integration-base.ts";

/** Sends events to PagerDuty: by API v2 with a routing key, by v1 with a service key. Texts are templates. */
export interface PagerDutyConfig extends HttpIntegrationBase {
  readonly kind: "pagerduty";
  /** A template. Undefined where there is a service key. */
  readonly routingKey: Secret | undefined;
  /** A template. */
  readonly serviceKey: Secret | undefined;
  /** Where events of API v2 are posted; those of v1 have an address of their own. */
  readonly url: string;
  readonly client: string;
  readonly clientUrl: string;
  readonly description: string;
  /** "" for `error`. */
  readonly severity: string;
  readonly source: string;
  /** Every text in a value is a template; one whose text is JSON becomes that. */
  readonly details: readonly (readonly [name: string, value: Json])[];
  readonly images: readonly PagerDutyImage[];
  readonly links: readonly PagerDutyLink[];
  readonly class: string;
  readonly component: string;
  readonly group: string;
}

/** Texts are templates. */
export interface PagerDutyImage {
  readonly src: string;
  readonly alt: string;
  readonly href: string;
}

/** Texts are templates. */
export interface PagerDutyLink {
  readonly href: string;
  readonly text: string;
}

/** Creates and closes alerts in Opsgenie. Texts are templates. */
export interface OpsgenieConfig extends HttpIntegrationBase {
  readonly kind: "opsgenie";
  /** A template. */
  readonly apiKey: Secret;
  /** Ends with a slash. */
  readonly apiUrl: string;
  readonly message: string;
  readonly description: string;
  readonly source: string;
  readonly details: readonly NamedText[];
  readonly entity: string;
  readonly responders: readonly OpsgenieResponder[];
  /** With commas between them. */
  readonly actions: string;
  /** With commas between them. */
  readonly tags: string;
  readonly note: string;
  readonly priority: string;
  /** Whether message and description of an open alert follow those of later notifications. */
  readonly updateAlerts: boolean;
}

/** One of id, name and username is given. Texts are templates. */
export interface OpsgenieResponder {
  readonly id: string;
  readonly name: string;
  readonly username: string;
  /** `team`, `teams`, `user`, `escalation`, `schedule`, or a template that gives one of them. */
  readonly type: string;
}

/** Sends to VictorOps, which is Splunk On-Call. Texts are templates. */
export interface VictorOpsConfig extends HttpIntegrationBase {
  readonly kind: "victorops";
  readonly apiKey: Secret;
  /** Ends with a slash. */
  readonly apiUrl: string;
  readonly routingKey: string;
  readonly messageType: string;
  readonly stateMessage: string;
  readonly entityDisplayName: string;
  readonly monitoringTool: string;
  readonly customFields: readonly NamedText[];
}

/** Sends to Pushover. Texts are templates. */
export interface PushoverConfig extends HttpIntegrationBase {
  readonly kind: "pushover";
  /** Templates. */
  readonly userKey: Secret;
  readonly token: Secret;
  readonly title: string;
  readonly message: string;
  readonly url: string;
  readonly urlTitle: string;
  readonly device: string;
  readonly sound: string;
  readonly priority: string;
  /** How often a message of the highest priority is repeated. */
  readonly retryMs: number;
  /** How long it is repeated. */
  readonly expireMs: number;
  /** How long a message is kept; 0 for ever. */
  readonly ttlMs: number;
  readonly html: boolean;
  readonly monospace: boolean;
}

/** Publishes to Amazon SNS: to a topic, an endpoint or a phone. Texts are templates. */
export interface SnsConfig extends HttpIntegrationBase {
  readonly kind: "sns";
  /** A template; "" for the region's usual address. */
  readonly apiUrl: string;
  readonly sigv4: SigV4Config;
  readonly topicArn: string;
  readonly phoneNumber: string;
  readonly targetArn: string;
  readonly subject: string;
  readonly message: string;
  readonly attributes: readonly NamedText[];
}

/** How requests to Amazon are signed. What is "" or undefined comes from the surroundings of the process. */
export interface SigV4Config {
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: Secret | undefined;
  readonly profile: string;
  readonly roleArn: string;
  readonly externalId: string;
  readonly useFipsStsEndpoint: boolean;
}

/** Sends to an alert source of incident.io, whose token is in `http.authorization`. */
export interface IncidentIoConfig extends HttpIntegrationBase {
  readonly kind: "incidentio";
  readonly url: string;
  /** Alerts in one body at most; 0 for all. */
  readonly alertsMax: number;
}
