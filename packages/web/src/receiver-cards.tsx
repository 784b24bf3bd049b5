import { Button } from "@mantine/core";
import { errorText } from "@pharos/base";
import { useMutation } from "@tanstack/react-query";
import { useApi } from "./api-context.ts";
import { CheckIcon, ErrorIcon, RefreshIcon } from "./icons.tsx";
import { Note } from "./note.tsx";
import { type Integration, type RoutingReceiver, testReceiver } from "./routing-state.ts";
import { formatAge } from "./time-format.ts";

/** Receivers with how it stands with them, and a button that tries them out. */
export function ReceiverCards(props: {
  receivers: readonly RoutingReceiver[];
  onShowLog: (receiver: string) => void;
}) {
  return (
    <section className="card" aria-label="Receivers">
      <div className="card__head">
        <h2>Receivers</h2>
      </div>
      {props.receivers.length === 0 && <div className="empty">Nobody is told of anything.</div>}
      {props.receivers.map((receiver) => (
        <ReceiverCard key={receiver.name} receiver={receiver} onShowLog={props.onShowLog} />
      ))}
    </section>
  );
}

function ReceiverCard(props: { receiver: RoutingReceiver; onShowLog: (receiver: string) => void }) {
  const { integrations, name } = props.receiver;
  const api = useApi();
  const { data, error, isPending, mutate } = useMutation({
    mutationFn: () => testReceiver(api.transport, name, new AbortController().signal),
  });
  const results = new Map((data ?? []).map((one) => [one.integration, one]));
  return (
    <article className="receiver" aria-label={name}>
      <div className="receiver__head">
        <b>{name}</b>
        <div className="page__spring" />
        <button type="button" className="linklike" onClick={() => props.onShowLog(name)}>
          Deliveries
        </button>
        <Button
          size="compact-sm"
          variant="default"
          loading={isPending}
          disabled={integrations.length === 0}
          onClick={() => mutate()}
          title="Sends a notification that says that it is a test"
        >
          Test
        </Button>
      </div>
      {integrations.length === 0 && <span className="dim">Tells nobody.</span>}
      {integrations.map((integration) => {
        const result = results.get(integration.name);
        return (
          <div key={integration.name} className="receiver__integration">
            <CircuitChip circuit={integration.circuit} />
            <span className="mono">{integration.name}</span>
            <span className="dim">{factsOf(integration)}</span>
            {result !== undefined && (
              <span className={result.delivered ? "good" : "bad"} role="status">
                {result.delivered
                  ? `Test delivered in ${formatAge(result.tookMs)}`
                  : `Test failed: ${result.error}`}
              </span>
            )}
          </div>
        );
      })}
      {error !== null && <Note kind="error">{errorText(error)}</Note>}
    </article>
  );
}

function factsOf({ sendingCount, sendResolved, waitingCount }: Integration): string {
  const parts: string[] = [];
  if (waitingCount > 0) parts.push(`${waitingCount} waiting`);
  if (sendingCount > 0) parts.push(`${sendingCount} on the way`);
  if (!sendResolved) parts.push("not told of what is resolved");
  return parts.join(" · ");
}

const CIRCUITS = {
  closed: { tone: "green", Icon: CheckIcon, word: "works" },
  open: { tone: "red", Icon: ErrorIcon, word: "failing" },
  "half-open": { tone: "amber", Icon: RefreshIcon, word: "tried again" },
} as const;

function CircuitChip({ circuit }: Pick<Integration, "circuit">) {
  const { tone, Icon, word } = CIRCUITS[circuit];
  return (
    <span className={`chip chip--${tone}`}>
      <Icon size={12} />
      {word}
    </span>
  );
}
