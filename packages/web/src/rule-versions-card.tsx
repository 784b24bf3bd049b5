import { Button } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useApi } from "./api-context.ts";
import { diffLines } from "./line-diff.ts";
import { QueryError } from "./query-error.tsx";
import { RuleRestoreDialog } from "./rule-restore-dialog.tsx";
import { listRuleVersions, type RuleVersion, versionText } from "./rule-versions.ts";
import type { SearchParams } from "./search-params.ts";
import { formatAge, formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useTimeZone, useUrlState } from "./url-state.ts";
import { useNow } from "./use-now.ts";

/** Versions that are listed at first; the others are one click away. */
const SHOWN_AT_FIRST = 10;

/** Which two versions are compared; it is in the URL. */
interface Comparison {
  readonly from: number;
  readonly to: number;
}

interface VersionsView {
  readonly compared: Comparison | undefined;
}

function readView(params: SearchParams): VersionsView {
  const [, from, to] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(params["compare"] ?? "") ?? [];
  return {
    compared: from === undefined || to === undefined ? undefined : { from: +from, to: +to },
  };
}

function writeView({ compared }: VersionsView): SearchParams {
  return compared === undefined ? {} : { compare: `${compared.from}..${compared.to}` };
}

/** All that a rule was, who made it that, what changed, and the way back. */
export function RuleVersionsCard({ id, current }: { id: string; current: number | undefined }) {
  const api = useApi();
  const nowMs = useNow(10_000);
  const [zone] = useTimeZone();
  const [{ compared }, setView] = useUrlState(readView, writeView);
  const [restoring, setRestoring] = useState<RuleVersion>();
  const [whole, setWhole] = useState(false);
  const { data, error } = useQuery({
    queryKey: ["rule-versions", id],
    queryFn: ({ signal }) => listRuleVersions(api.transport, id, signal),
    placeholderData: keepPreviousData,
  });
  if (error !== null) return <QueryError error={error} expr="" />;
  if (data === undefined) return <div className="empty">Waiting for the versions …</div>;
  const shown = whole ? data : data.slice(0, SHOWN_AT_FIRST);
  const before = (at: number): RuleVersion | undefined => data[at + 1];
  return (
    <section className="card" aria-label="Versions">
      <div className="card__head">
        <h2>Versions</h2>
        <span className="dim">{data.length === 1 ? "1 version" : `${data.length} versions`}</span>
      </div>
      <table className="grid-table grid-table--folds versions">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">What</th>
            <th scope="col">By</th>
            <th scope="col">When</th>
            <th scope="col">Why</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((version, at) => (
            <VersionRow
              key={version.version}
              version={version}
              before={before(at)}
              isCurrent={version.version === current}
              isShown={compared?.to === version.version}
              nowMs={nowMs}
              zone={zone}
              onCompare={(next) => setView({ compared: next })}
              onRestore={() => setRestoring(version)}
            />
          ))}
        </tbody>
      </table>
      {data.length > shown.length && (
        <div className="pager pager--inside">
          <button type="button" className="filter" onClick={() => setWhole(true)}>
            {data.length - shown.length} older
          </button>
        </div>
      )}
      {compared !== undefined && (
        <VersionDiff
          versions={data}
          compared={compared}
          onChange={(next) => setView({ compared: next })}
        />
      )}
      {restoring !== undefined && (
        <RuleRestoreDialog
          id={id}
          version={restoring}
          onClose={() => setRestoring(undefined)}
          onRestored={() => {
            setRestoring(undefined);
            setView({ compared: undefined });
          }}
        />
      )}
    </section>
  );
}

function VersionRow(props: {
  version: RuleVersion;
  /** The one before it; undefined for the first that is kept. */
  before: RuleVersion | undefined;
  isCurrent: boolean;
  isShown: boolean;
  nowMs: number;
  zone: TimeZone;
  onCompare: (compared: Comparison | undefined) => void;
  onRestore: () => void;
}) {
  const { before, isCurrent, isShown, nowMs, onCompare, version, zone } = props;
  const name = `version ${version.version}`;
  return (
    <tr data-chosen={isShown || undefined}>
      <td className="num versions__number">
        {version.version}
        {isCurrent && <span className="chip chip--green">current</span>}
      </td>
      <td>{version.action}</td>
      <td className="versions__text">{version.author}</td>
      <td className="versions__when" title={formatDateTime(version.atMs, zone)}>
        {formatDateTime(version.atMs, zone)}{" "}
        <span className="dim">{formatAge(nowMs - version.atMs)} ago</span>
      </td>
      <td className="versions__text">{version.comment}</td>
      <td className="versions__buttons">
        {before !== undefined && (
          <button
            type="button"
            className="linklike"
            aria-expanded={isShown}
            aria-label={`Changes of ${name}`}
            onClick={() =>
              onCompare(isShown ? undefined : { from: before.version, to: version.version })
            }
          >
            Changes
          </button>
        )}
        {!isCurrent && version.action !== "deleted" && (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Restore ${name}`}
            onClick={props.onRestore}
          >
            Restore
          </Button>
        )}
      </td>
    </tr>
  );
}

function VersionDiff(props: {
  versions: readonly RuleVersion[];
  compared: Comparison;
  onChange: (compared: Comparison) => void;
}) {
  const { compared, onChange, versions } = props;
  const from = versions.find(({ version }) => version === compared.from);
  const to = versions.find(({ version }) => version === compared.to);
  const lines = useMemo(
    () =>
      from === undefined || to === undefined ? [] : diffLines(versionText(from), versionText(to)),
    [from, to],
  );
  const select = (label: string, value: number, change: (version: number) => void) => (
    <select
      className="select"
      aria-label={label}
      value={value}
      onChange={(event) => change(Number(event.currentTarget.value))}
    >
      {versions.every(({ version }) => version !== value) && <option>{value}</option>}
      {versions.map(({ version }) => (
        <option key={version}>{version}</option>
      ))}
    </select>
  );
  return (
    <section className="diff" aria-label="What changed">
      <div className="diff__head">
        From version{" "}
        {select("From version", compared.from, (next) => onChange({ ...compared, from: next }))} to{" "}
        {select("To version", compared.to, (next) => onChange({ ...compared, to: next }))}
        {lines.length > 0 && lines.every(({ kind }) => kind === "same") && (
          <span className="dim">The rule is the same.</span>
        )}
      </div>
      {from === undefined || to === undefined ? (
        <p className="empty">One of these versions is not kept (any more).</p>
      ) : (
        <pre className="diff__lines">
          {lines.map(({ kind, text }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a comparison is drawn as a whole.
            <DiffLineRow key={index} kind={kind} text={text} />
          ))}
        </pre>
      )}
    </section>
  );
}

const MARKS = { same: " ", added: "+", removed: "-" } as const;

/** A line is told by its sign, not by its colour alone. */
function DiffLineRow({ kind, text }: { kind: keyof typeof MARKS; text: string }) {
  const content = `${MARKS[kind]} ${text}\n`;
  if (kind === "added") return <ins className="diff__line diff__line--added">{content}</ins>;
  if (kind === "removed") return <del className="diff__line diff__line--removed">{content}</del>;
  return <span className="diff__line">{content}</span>;
}
