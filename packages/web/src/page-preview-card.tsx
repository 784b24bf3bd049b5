import { TextInput } from "@mantine/core";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import { BellOffIcon, SendIcon } from "./icons.tsx";
import { labelsOf, type PagePreview, previewPages } from "./page-preview.ts";
import { QueryError } from "./query-error.tsx";
import { formatShortDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

const STALE_MS = 10_000;

/** Who hears of an alert with the labels that were typed, now and in an hour. */
export function usePagePreview(text: string): UseQueryResult<PagePreview[]> {
  const api = useApi();
  const labels = labelsOf(text);
  const asked = Object.keys(labels).length > 0;
  return useQuery({
    queryKey: ["page-preview", labels],
    queryFn: ({ signal }) => previewPages(api.transport, labels, signal),
    enabled: asked,
    // The card and the page around it ask for the same.
    staleTime: STALE_MS,
    // While one types the answer before stands, but not when nothing is asked any more.
    placeholderData: (before) => (asked ? before : undefined),
  });
}

/** Asks for labels, and says who hears of such an alert now and in an hour. */
export function PagePreviewCard(props: {
  text: string;
  zone: TimeZone;
  onChange: (text: string) => void;
}) {
  const { onChange, text, zone } = props;
  const { data: previews, error } = usePagePreview(text);
  const input = useRef<HTMLInputElement>(null);
  useCommand("focusSearch", () => input.current?.focus());
  return (
    <section className="card" aria-label="Who is told">
      <div className="card__head">
        <h2>Who is told</h2>
        <span className="dim">of an alert with these labels, now and in an hour</span>
      </div>
      <div className="preview">
        <TextInput
          ref={input}
          aria-label="Labels of an alert"
          placeholder="severity=critical, team=storage"
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
        {error !== null && <QueryError error={error} expr="" />}
        <div className="preview__times">
          {(previews ?? []).map((preview, index) => (
            <div key={preview.atMs} className="preview__time">
              <h3>{index === 0 ? "Now" : formatShortDateTime(preview.atMs, zone).slice(0, 16)}</h3>
              <PreviewText preview={preview} zone={zone} />
            </div>
          ))}
        </div>
      </div>
    </section>
  );
}

function PreviewText({ preview, zone }: { preview: PagePreview; zone: TimeZone }) {
  const { inhibitedBy, policy, routes, silencedBy, steps, told } = preview;
  return (
    <ul className="preview__list">
      {silencedBy.length > 0 && (
        <Hushed text={`Silenced by ${counted(silencedBy.length, "silence")}`} />
      )}
      {inhibitedBy.length > 0 && (
        <Hushed text={`Inhibited by ${counted(inhibitedBy.length, "alert")}`} />
      )}
      {routes.map((route) =>
        route.mutedBy.length > 0 ? (
          <Hushed
            key={`${route.key}\n${route.receiver}`}
            text={`${route.receiver} is muted: ${route.mutedBy.join(", ")}`}
          />
        ) : (
          <li key={`${route.key}\n${route.receiver}`}>
            <SendIcon size={12} /> <b>{route.receiver}</b>{" "}
            <span className="dim">
              {route.integrations.length === 0
                ? "has no integration: nobody hears of it"
                : route.integrations.join(", ")}
            </span>
          </li>
        ),
      )}
      {!told && silencedBy.length + inhibitedBy.length === 0 && <Hushed text="Nobody is told" />}
      {policy !== undefined && (
        <li>
          <span className="dim">If nobody acknowledges ({policy}):</span>
          <ol className="preview__steps">
            {steps.map(({ step, atMs, names, gaps }) => (
              <li key={step}>
                {formatShortDateTime(atMs, zone).slice(11, 16)}{" "}
                {names.length > 0 && <b>{names.join(", ")}</b>}
                {gaps.length > 0 && (
                  <span className="bad">
                    {names.length > 0 && "; "}
                    {gaps.join("; ")}
                  </span>
                )}
              </li>
            ))}
          </ol>
        </li>
      )}
    </ul>
  );
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function Hushed({ text }: { text: string }) {
  return (
    <li>
      <span className="chip chip--amber">
        <BellOffIcon size={12} />
        {text}
      </span>
    </li>
  );
}
