import type { MessagePort } from "node:worker_threads";
import type { RelabelConfig, RemoteWriteSettings, RemoteWriteState } from "@pharos/collect";

/** What the thread that sends samples on is started with. */
export interface RemoteWriteThreadData {
  /** To the store's thread. */
  readonly port: MessagePort;
  readonly userAgent: string;
}

/** One receiver, as plain data. */
export type SentRemoteWrite = Omit<RemoteWriteSettings, "writeRelabelRules"> & {
  /** Of its consumer of the log. */
  readonly consumer: string;
  readonly writeRelabelConfigs: readonly RelabelConfig[];
};

export interface RemoteWriteStatus extends RemoteWriteState {
  readonly name: string;
  readonly url: string;
  readonly shardsMin: number;
  readonly shardsMax: number;
  readonly capacity: number;
}

/** What the main thread asks of it. */
export interface RemoteWriteCalls {
  /** Sends to these from now on, and to no others. */
  apply(ask: readonly SentRemoteWrite[]): void;
  status(ask: null): readonly RemoteWriteStatus[];
  /** Sends what it has in its hands, and saves how far it is. */
  close(ask: null): void;
}

/** What it tells without being asked. */
export interface RemoteWriteNotice {
  readonly message: string;
  readonly error: string;
}
