import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer, success } from "./fake-server.ts";
import { openPage } from "./open-page.tsx";

const block = (tier: string, minTime: number, numSamples: number, numBytes: number) => ({
  ulid: `${minTime}`,
  minTime,
  maxTime: minTime + 7_199_999,
  stats: { numSamples, numSeries: 2, numChunks: 2, numBytes },
  tier,
});

test("the blocks on disk are summed up by tier", async () => {
  const blocks = [
    block("raw", 1_767_225_600_000, 1_200_000, 1024 ** 2),
    block("raw", 1_767_218_400_000, 34_567, 1024 ** 2),
    block("1h", 1_767_225_600_000, 40, 2048),
  ];
  await openPage("/status?tz=utc", new FakeServer().on("status/tsdb/blocks", success({ blocks })));
  const card = within(await screen.findByRole("region", { name: "Blocks on disk" }));
  const rows = (await card.findAllByRole("row")).map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );
  expect(rows).toEqual([
    ["Tier", "Since", "Blocks", "Samples", "Size"],
    ["raw", "2025-12-31 22:00", "2", "1,234,567", "2 MiB"],
    ["1h", "2026-01-01 00:00", "1", "40", "2 KiB"],
  ]);
});

test("a store without blocks says where its samples are", async () => {
  await openPage("/status", new FakeServer());
  await screen.findByText("None yet: all is in memory and the log.");
});
