import type { OwnMetrics } from "./own-metrics.ts";
import type { RemoteWriteStatus } from "./threads/remote-write-calls.ts";

const LABELS = ["remote_name", "url"] as const;

/** What is sent on to other systems, under Prometheus's names: its dashboards and alerts know them. */
export function addRemoteWriteMetrics(
  metrics: OwnMetrics,
  status: () => readonly RemoteWriteStatus[],
): void {
  const each = (pick: (of: RemoteWriteStatus) => number) => () =>
    status().map((of) => [{ remote_name: of.name, url: of.url }, pick(of)] as const);
  const counter = (name: string, help: string, pick: (of: RemoteWriteStatus) => number): void =>
    metrics.counter(`prometheus_remote_storage_${name}`, help, each(pick), LABELS);
  const gauge = (name: string, help: string, pick: (of: RemoteWriteStatus) => number): void =>
    metrics.gauge(`prometheus_remote_storage_${name}`, help, each(pick), LABELS);

  counter(
    "samples_total",
    "Samples that were sent and accepted, and those that were refused.",
    ({ counters }) => counters.samplesSent + counters.samplesFailed,
  );
  counter(
    "samples_failed_total",
    "Samples that the receiver refused: they are lost.",
    ({ counters }) => counters.samplesFailed,
  );
  counter(
    "samples_retried_total",
    "Samples that were sent again after a failure.",
    ({ counters }) => counters.samplesRetried,
  );
  metrics.counter(
    "prometheus_remote_storage_samples_dropped_total",
    "Samples that were not sent: of series that relabelling drops, too old, or since too much of the log waited.",
    () =>
      status().flatMap(({ name, url, counters }) =>
        (
          [
            ["dropped_series", counters.samplesUnwanted],
            ["too_old", counters.samplesTooOld],
            ["backlog", counters.samplesBehind],
          ] as const
        ).map(([reason, count]) => [{ remote_name: name, url, reason }, count] as const),
      ),
    [...LABELS, "reason"],
  );
  counter("bytes_total", "Bytes of samples that were sent.", ({ counters }) => counters.bytesSent);
  counter(
    "metadata_total",
    "Descriptions of metrics that were sent.",
    ({ counters }) => counters.familiesSent + counters.familiesFailed,
  );
  counter(
    "metadata_failed_total",
    "Descriptions of metrics that were not accepted; they are sent again before long.",
    ({ counters }) => counters.familiesFailed,
  );
  counter(
    "sent_batch_duration_seconds_sum",
    "Time spent in requests.",
    ({ counters }) => counters.sendingMs / 1000,
  );
  counter("sent_batch_duration_seconds_count", "Requests.", ({ counters }) => counters.requests);
  gauge("samples_pending", "Samples that wait in shards.", ({ pending }) => pending);
  gauge("shards", "Shards that send.", ({ shards }) => shards);
  gauge("shards_desired", "Shards that would keep up.", ({ shardsNeeded }) => shardsNeeded);
  gauge("shards_max", "Shards that there may be.", ({ shardsMax }) => shardsMax);
  gauge("shards_min", "Shards that there are at least.", ({ shardsMin }) => shardsMin);
  gauge("shard_capacity", "Samples that wait in a shard at most.", ({ capacity }) => capacity);
  gauge(
    "queue_highest_sent_timestamp_seconds",
    "The highest timestamp of a sample that was accepted.",
    ({ counters }) => counters.highestSentMs / 1000,
  );
  gauge(
    "highest_timestamp_in_seconds",
    "The highest timestamp of a sample that was read from the log.",
    ({ counters }) => counters.highestReadMs / 1000,
  );
  gauge("backlog_bytes", "Bytes of the log that are not sent yet.", ({ lag }) => lag);
}
