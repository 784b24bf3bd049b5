import "./targets-page.css";
import { useQuery } from "@tanstack/react-query";
import { Fragment, useId, useMemo, useState } from "react";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import { FilterButton, toggled } from "./filter-button.tsx";
import { CheckIcon, CrossIcon, QuestionIcon } from "./icons.tsx";
import { LabelChips } from "./label-chips.tsx";
import { Note } from "./note.tsx";
import { QueryError } from "./query-error.tsx";
import { SearchField } from "./search-field.tsx";
import {
  countHealths,
  filterPools,
  readTargetFilter,
  type TargetPool,
  writeTargetFilter,
} from "./target-filter.ts";
import type { Target, TargetHealth } from "./target-state.ts";
import { formatAge, formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useTimeZone, useUrlState } from "./url-state.ts";
import { useNow } from "./use-now.ts";

const TARGETS_REFRESH_MS = 5000;

const HEALTHS = {
  down: { name: "Down", tone: "red", Icon: CrossIcon },
  unknown: { name: "Unknown", tone: "grey", Icon: QuestionIcon },
  up: { name: "Up", tone: "green", Icon: CheckIcon },
} as const satisfies Record<TargetHealth, object>;

/** All that is scraped, by job, what is down on top. */
export function TargetsPage() {
  const api = useApi();
  const [filter, setFilter] = useUrlState(readTargetFilter, writeTargetFilter);
  const [zone] = useTimeZone();
  const nowMs = useNow(1000);
  const { data, error, refetch } = useQuery({
    queryKey: ["targets"],
    queryFn: ({ signal }) => api.targets(signal),
    refetchInterval: TARGETS_REFRESH_MS,
  });
  useCommand("refresh", () => void refetch());
  const counts = useMemo(() => countHealths(data?.active ?? []), [data]);
  const pools = useMemo(() => filterPools(data?.active ?? [], filter), [data, filter]);

  return (
    <main className="page">
      <div className="page__bar">
        <h1>Targets</h1>
        <div className="filters">
          {(["down", "unknown", "up"] as const).map((health) => {
            const { name, tone, Icon } = HEALTHS[health];
            return (
              <FilterButton
                key={health}
                name={name}
                count={counts[health]}
                tone={tone}
                icon={<Icon />}
                pressed={filter.healths.includes(health)}
                onClick={() => setFilter({ ...filter, healths: toggled(filter.healths, health) })}
              />
            );
          })}
        </div>
        {data !== undefined && data.droppedCount > 0 && (
          <span className="dim">{data.droppedCount} dropped by relabelling</span>
        )}
        <div className="page__spring" />
        <SearchField
          label="Search targets, labels and errors"
          text={filter.text}
          onChange={(text) => setFilter({ ...filter, text }, { replace: true })}
        />
      </div>
      {error !== null && <QueryError error={error} expr="" />}
      {data === undefined && error === null && (
        <div className="empty">Waiting for the targets …</div>
      )}
      {data?.active.length === 0 && (
        <div className="card empty">No targets. Add scrape_configs to the configuration.</div>
      )}
      {data !== undefined && data.active.length > 0 && pools.length === 0 && (
        <div className="card empty">No target passes these filters.</div>
      )}
      {pools.map((pool) => (
        <Pool key={pool.name} pool={pool} nowMs={nowMs} zone={zone} />
      ))}
    </main>
  );
}

function Pool({ pool, nowMs, zone }: { pool: TargetPool; nowMs: number; zone: TimeZone }) {
  return (
    <section className="card" aria-label={`Scrape pool ${pool.name}`}>
      <div className="card__head">
        <h2>{pool.name}</h2>
        <span className={pool.upCount < pool.count ? "pool__bad" : "dim"}>
          {pool.upCount} of {pool.count} up
        </span>
      </div>
      <div className="scroll-x">
        <table className="grid-table grid-table--folds target">
          <thead>
            <tr>
              <th scope="col" style={{ width: "34%" }}>
                Endpoint
              </th>
              <th scope="col" style={{ width: 90 }}>
                State
              </th>
              <th scope="col">Labels</th>
              <th scope="col" className="num" style={{ width: 110 }}>
                Last scrape
              </th>
              <th scope="col" className="num" style={{ width: 80 }}>
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {pool.targets.map((target, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two targets of a pool may have one address.
              <Fragment key={`${target.scrapeUrl} ${index}`}>
                <TargetRows target={target} nowMs={nowMs} zone={zone} />
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function TargetRows({ target, nowMs, zone }: { target: Target; nowMs: number; zone: TimeZone }) {
  const [open, setOpen] = useState(false);
  const moreId = useId();
  const { Icon, name, tone } = HEALTHS[target.health];
  const below = target.lastError !== "" || open;
  return (
    <>
      <tr className={below ? "target--joined" : undefined}>
        <td className="target__url">
          <a href={target.scrapeUrl} className="mono" target="_blank" rel="noopener noreferrer">
            {target.scrapeUrl}
          </a>{" "}
          <button
            type="button"
            className="target__more"
            aria-expanded={open}
            aria-controls={moreId}
            onClick={() => setOpen(!open)}
          >
            {open ? "less" : "more"}
          </button>
        </td>
        <td>
          <span className={`chip chip--${tone}`}>
            <Icon size={12} />
            {name.toLowerCase()}
          </span>
        </td>
        <td>
          <LabelChips labels={target.labels} />
        </td>
        <td className="num">
          {target.lastScrapeMs === undefined ? (
            "not yet"
          ) : (
            <span title={formatDateTime(target.lastScrapeMs, zone)}>
              {formatAge(nowMs - target.lastScrapeMs)} ago
            </span>
          )}
        </td>
        <td className="num">
          {target.lastScrapeMs === undefined ? "–" : formatAge(target.durationMs)}
        </td>
      </tr>
      {below && (
        <tr className="target__error">
          <td colSpan={5}>
            {target.lastError !== "" && (
              <Note kind="error" quiet>
                {target.lastError}
              </Note>
            )}
            {open && (
              <div className="target__discovered" id={moreId}>
                <dl className="facts">
                  <dt>interval</dt>
                  <dd>
                    every {target.interval}, at most {target.timeout}
                  </dd>
                  <dt>discovered labels</dt>
                  <dd>
                    <LabelChips labels={target.discoveredLabels} />
                  </dd>
                </dl>
              </div>
            )}
          </td>
        </tr>
      )}
    </>
  );
}
