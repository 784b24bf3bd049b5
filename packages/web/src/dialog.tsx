import { Modal } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";

/**
 * A dialog that is there as long as it is drawn. Escape and a click beside it close it; who came by keyboard is then
 * where they were before.
 */
export function Dialog(props: { title: string; onClose: () => void; children: ReactNode }) {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    },
    [opener],
  );
  return (
    <Modal
      opened
      onClose={props.onClose}
      title={props.title}
      centered
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {props.children}
    </Modal>
  );
}
