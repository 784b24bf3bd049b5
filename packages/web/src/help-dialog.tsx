import { Kbd, Modal, Switch } from "@mantine/core";
import { Fragment } from "react";
import { useCommandCenter } from "./commands.tsx";
import { SHORTCUTS } from "./shortcut.ts";

const ELSEWHERE = [
  { keys: ["Enter"], joint: "", does: "Run the query in the editor" },
  { keys: ["Shift", "Enter"], joint: " + ", does: "New line in the editor" },
  { keys: ["Ctrl", "Space"], joint: " + ", does: "Complete metric, label or function" },
  { keys: ["←", "→"], joint: " ", does: "Move along a focused chart (Shift: ten steps)" },
  { keys: ["Home", "End"], joint: " ", does: "First and last point of a focused chart" },
] as const;

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { keysOn, setKeysOn } = useCommandCenter();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Keyboard"
      centered
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <dl className="help__keys">
        {SHORTCUTS.map(({ keys, does }) => (
          <KeyLine key={does} keys={keys} does={does} joint=" then " />
        ))}
      </dl>
      <h3 className="help__title">In the editor and in charts</h3>
      <dl className="help__keys">
        {ELSEWHERE.map(({ keys, does, joint }) => (
          <KeyLine key={does} keys={keys} does={does} joint={joint} />
        ))}
      </dl>
      <p className="dim">Drag over a chart to zoom in, double-click to zoom out.</p>
      <Switch
        checked={keysOn}
        onChange={(event) => setKeysOn(event.currentTarget.checked)}
        label="Single-key shortcuts"
        size="sm"
      />
    </Modal>
  );
}

function KeyLine(props: { keys: readonly string[]; does: string; joint: string }) {
  return (
    <>
      <dt>
        {props.keys.map((key, index) => (
          <Fragment key={key}>
            {index > 0 && <span className="dim">{props.joint}</span>}
            <Kbd>{key}</Kbd>
          </Fragment>
        ))}
      </dt>
      <dd>{props.does}</dd>
    </>
  );
}
