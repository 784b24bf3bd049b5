/** What a queue says of itself; totals since it began. */
export class RemoteWriteCounters {
  samplesSent = 0;
  /** Refused by the receiver: they are lost. */
  samplesFailed = 0;
  samplesRetried = 0;
  /** Of series that relabelling drops. */
  samplesUnwanted = 0;
  /** Older than the age limit. */
  samplesTooOld = 0;
  /** Dropped since too much of the log waited. */
  samplesBehind = 0;
  /** Read from the log. */
  samplesRead = 0;
  bytesSent = 0;
  familiesSent = 0;
  familiesFailed = 0;
  /** Time spent in requests, those of all shards together. */
  sendingMs = 0;
  requests = 0;
  /** The highest timestamps, of what was read and what was accepted; 0 before there is one. */
  highestReadMs = 0;
  highestSentMs = 0;
}
