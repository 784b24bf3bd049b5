import "./status-page.css";
import { Button, CopyButton } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { hasWords, wordsOf } from "./alert-filter.ts";
import type { Facts, TierBlocks } from "./api-client.ts";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import { QueryError } from "./query-error.tsx";
import { SearchField } from "./search-field.tsx";
import { formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useTimeZone } from "./url-state.ts";
import { formatCompact } from "./value-format.ts";

/** What runs here, with what settings, and how much it holds. */
export function StatusPage() {
  const api = useApi();
  const [zone] = useTimeZone();
  const [build, runtime, tsdb, tiers, flags, config] = useQueries({
    queries: [
      { queryKey: ["status", "build"], queryFn: at((signal) => api.buildInfo(signal)) },
      { queryKey: ["status", "runtime"], queryFn: at((signal) => api.runtimeInfo(signal)) },
      { queryKey: ["status", "tsdb"], queryFn: at((signal) => api.tsdbStatus(signal)) },
      { queryKey: ["status", "blocks"], queryFn: at((signal) => api.tsdbTiers(signal)) },
      { queryKey: ["status", "flags"], queryFn: at((signal) => api.flags(signal)) },
      { queryKey: ["status", "config"], queryFn: at((signal) => api.configYaml(signal)) },
    ],
  });
  const [text, setText] = useState("");
  useCommand("refresh", () => {
    for (const query of [build, runtime, tsdb, tiers, flags, config]) void query.refetch();
  });
  const words = wordsOf(text);

  return (
    <main className="page">
      <div className="page__bar">
        <h1>Status</h1>
        <div className="page__spring" />
        <SearchField label="Search flags" text={text} onChange={setText} />
      </div>
      <div className="status">
        <Card title="Build" query={build}>
          {(facts) => <FactList facts={facts} zone={zone} />}
        </Card>
        <Card title="Process" query={runtime}>
          {(facts) => <FactList facts={facts} zone={zone} />}
        </Card>
        <Card title="Head of the time series database" query={tsdb}>
          {({ head }) => <FactList facts={head} zone={zone} />}
        </Card>
        <Card title="Blocks on disk" query={tiers}>
          {(list) => <TierTable tiers={list} zone={zone} />}
        </Card>
        {tsdb.data?.tops.map(({ title, rows }) => (
          <Card key={title} title={title} query={tsdb}>
            {() => <FactTable facts={rows} />}
          </Card>
        ))}
        <Card title="Flags" query={flags}>
          {(facts) => (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keys.
            <section className="status__flags" tabIndex={0} aria-label="All flags">
              <FactTable facts={facts.filter((fact) => hasWords(fact.join(" "), words))} />
            </section>
          )}
        </Card>
      </div>
      <Card title="Configuration" query={config}>
        {(yaml) => (
          <>
            <CopyButton value={yaml}>
              {({ copied, copy }) => (
                <Button variant="default" size="compact-xs" onClick={copy} mb={8}>
                  {copied ? "Copied" : "Copy"}
                </Button>
              )}
            </CopyButton>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keys. */}
            <pre className="status__yaml" tabIndex={0}>
              {yaml}
            </pre>
          </>
        )}
      </Card>
    </main>
  );
}

function at<T>(ask: (signal: AbortSignal) => Promise<T>) {
  return ({ signal }: { signal: AbortSignal }) => ask(signal);
}

function Card<T>(props: {
  title: string;
  query: { data: T | undefined; error: Error | null };
  children: (data: T) => ReactNode;
}) {
  const { data, error } = props.query;
  return (
    <section className="card" aria-label={props.title}>
      <div className="card__head">
        <h2>{props.title}</h2>
      </div>
      <div className="status__body">
        {error !== null && <QueryError error={error} expr="" />}
        {data !== undefined && props.children(data)}
      </div>
    </section>
  );
}

function FactList({ facts, zone }: { facts: Facts; zone: TimeZone }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <FactLine key={name} name={name} value={readable(name, value, zone)} />
      ))}
    </dl>
  );
}

function FactLine({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="mono">{value === "" ? "–" : value}</dd>
    </>
  );
}

/** Times in the zone of the page: RFC 3339 texts, and the head's milliseconds. */
function readable(name: string, value: string, zone: TimeZone): string {
  if (/^\d{4}-\d{2}-\d{2}T/.test(value)) return formatDateTime(Date.parse(value), zone);
  if (/^(?:min|max)Time$/.test(name)) {
    const ms = Number(value);
    return ms !== 0 && Math.abs(ms) < 8.64e15 ? formatDateTime(ms, zone) : "";
  }
  return value;
}

/** `2026-01-31 12:00` of a time as the page shows it. */
const DAY_AND_MINUTE = 16;

/** What is on disk, a line for each tier. */
function TierTable({ tiers, zone }: { tiers: readonly TierBlocks[]; zone: TimeZone }) {
  if (tiers.length === 0)
    return <span className="dim">None yet: all is in memory and the log.</span>;
  return (
    <table className="grid-table">
      <thead>
        <tr>
          <th>Tier</th>
          <th>Since</th>
          <th className="num">Blocks</th>
          <th className="num">Samples</th>
          <th className="num">Size</th>
        </tr>
      </thead>
      <tbody>
        {tiers.map(({ tier, blocks, samples, size, minTimeMs }) => (
          <tr key={tier}>
            <td className="mono">{tier}</td>
            <td className="mono">{formatDateTime(minTimeMs, zone).slice(0, DAY_AND_MINUTE)}</td>
            <td className="num mono">{blocks}</td>
            <td className="num mono">{samples.toLocaleString("en")}</td>
            <td className="num mono">{formatCompact(size, "bytes")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function FactTable({ facts }: { facts: Facts }) {
  if (facts.length === 0) return <span className="dim">None.</span>;
  return (
    <table className="grid-table">
      <tbody>
        {facts.map(([name, value]) => (
          <tr key={name}>
            <td className="mono">{name}</td>
            <td className="num mono">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
