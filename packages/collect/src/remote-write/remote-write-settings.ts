import type { Labels } from "@pharos/base";
import type { TlsOptions } from "@pharos/ports";
import type { RelabelRule } from "../relabel.ts";

/** How samples wait and are sent. */
export interface RemoteWriteQueueSettings {
  /** Samples that wait in one shard. */
  readonly capacity: number;
  readonly shardsMax: number;
  readonly shardsMin: number;
  /** Samples of one request. */
  readonly samplesPerSendMax: number;
  /** How long a sample waits for others to be sent with. */
  readonly batchSendDeadlineMs: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** Whether 429 is a reason to try again; else what it answers to is lost. */
  readonly retryOnTooManyRequests: boolean;
  /** Older samples are not sent; 0 for no limit. */
  readonly sampleAgeMsMax: number;
}

/** What describes metrics is sent beside them. */
export interface RemoteWriteMetadataSettings {
  readonly send: boolean;
  readonly sendIntervalMs: number;
  readonly familiesPerSendMax: number;
}

export type RemoteWriteProtocol = "prometheus.WriteRequest" | "io.prometheus.write.v2.Request";

/** One entry of `remote_write`, checked, with all defaults filled in. */
export interface RemoteWriteSettings {
  /** For people and metrics; unique among the entries. */
  readonly name: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly protocol: RemoteWriteProtocol;
  /** With what authenticates; they go out with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions | undefined;
  readonly writeRelabelRules: readonly RelabelRule[];
  /** On every series that does not have them itself; relabelling sees them. */
  readonly externalLabels: Labels;
  readonly queue: RemoteWriteQueueSettings;
  readonly metadata: RemoteWriteMetadataSettings;
  /** When so many bytes of the log wait for the receiver, the oldest are dropped: the log must not fill the disk. */
  readonly backlogSizeMax: number;
}

/** Prometheus's defaults. */
export const REMOTE_WRITE_QUEUE: RemoteWriteQueueSettings = {
  capacity: 10_000,
  shardsMax: 50,
  shardsMin: 1,
  samplesPerSendMax: 2000,
  batchSendDeadlineMs: 5000,
  backoffMsMin: 30,
  backoffMsMax: 5000,
  retryOnTooManyRequests: false,
  sampleAgeMsMax: 0,
};

export const REMOTE_WRITE_METADATA: RemoteWriteMetadataSettings = {
  send: true,
  sendIntervalMs: 60_000,
  familiesPerSendMax: 2000,
};
