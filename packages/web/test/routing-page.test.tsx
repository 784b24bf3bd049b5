import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer, success } from "./fake-server.ts";
import { openPage } from "./open-page.tsx";
import { DELIVERIES, PAGE_PREVIEW, RECEIVER_TEST, ROUTING } from "./samples.ts";

const server = () =>
  new FakeServer()
    .on("routing", success(ROUTING))
    .on("deliveries", success(DELIVERIES))
    .on("oncall/preview", success(PAGE_PREVIEW))
    .on("receivers/test", success(RECEIVER_TEST));

test("the tree says who is told, what a node has of its own, and what mutes it now", async () => {
  await openPage("/routing", server());
  const routes = within(await screen.findByRole("region", { name: "Routes" }));
  const [root, storage] = routes.getAllByRole("listitem");
  expect(root?.textContent).toContain(
    "every alert→teamby alertname · waits 30s · changes after 5m · again after 4h",
  );
  expect(storage?.textContent).toBe(
    'team="storage"→storagecontinueagain after 15mmuted in nights: nowonly in weekends: not now',
  );
});

test("labels in the URL are asked about: who is told now and in an hour, and which nodes take them", async () => {
  const fake = server();
  await openPage("/routing?tz=utc&labels=severity%3Dcritical,team%3D%22storage%22", fake);
  const card = within(await screen.findByRole("region", { name: "Who is told" }));
  await card.findByText("ada (schedule primary)");
  expect(fake.sentTo("oncall/preview")).toEqual([
    { labels: { severity: "critical", team: "storage" } },
  ]);
  const texts = card.getAllByRole("heading", { level: 3 }).map((title) => title.textContent);
  expect(texts).toEqual(["Now", "2026-11-21 13:00"]);
  card.getByText("Silenced by 1 silence");
  expect(card.getByText("nobody is on call in secondary").parentElement?.textContent).toBe(
    "12:10 nobody is on call in secondary",
  );
  const routes = within(screen.getByRole("region", { name: "Routes" }));
  expect(routes.getAllByText("takes it")).toHaveLength(1);
});

test("a receiver says how it stands, and a test of it what came of it", async () => {
  const fake = server();
  await openPage("/routing", fake);
  const storage = within(await screen.findByRole("article", { name: "storage" }));
  storage.getByText("failing");
  storage.getByText("3 waiting · not told of what is resolved");
  fireEvent.click(storage.getByRole("button", { name: "Test" }));
  await storage.findByText("Test failed: connection refused");
  expect(fake.sentTo("receivers/test")).toEqual([{ receiver: "storage" }]);
  const nobody = within(screen.getByRole("article", { name: "nobody" }));
  expect(nobody.getByRole<HTMLButtonElement>("button", { name: "Test" }).disabled).toBe(true);
});

test("the log of deliveries has every attempt with its error, and its filters are in the URL", async () => {
  const fake = server();
  const page = await openPage("/routing?tz=utc", fake);
  const log = within(await screen.findByRole("region", { name: "Deliveries" }));
  const [, row] = await log.findAllByRole("row");
  expect(row?.textContent).toBe(
    "2026-11-21 11:59:00retryingstorage/webhook[0]2 firing · first notification · attempt 2" +
      'connection refused{}:{alertname="DiskFull"}41ms',
  );
  fireEvent.click(log.getByRole("button", { name: "Older" }));
  await waitFor(() => expect(page.url()).toBe("/routing?cursor=older&tz=utc"));
  fireEvent.change(log.getByRole("combobox", { name: "Outcome" }), {
    target: { value: "failed" },
  });
  await waitFor(() => expect(page.url()).toBe("/routing?outcome=failed&tz=utc"));
  expect(fake.queriesOf("deliveries").at(-1)?.get("outcome")).toBe("failed");
});
