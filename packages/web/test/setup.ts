import "../../../scripts/property-seed.ts";
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

// What the page asks of a browser and jsdom has not. There is no layout in jsdom: every width is 0, so charts draw no
// canvas here; the browser test looks at those.
class NoResize implements ResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver = NoResize;

window.matchMedia = (query) =>
  Object.assign(new EventTarget(), {
    matches: false,
    media: query,
    onchange: null,
    addListener() {},
    removeListener() {},
  });

Range.prototype.getClientRects = () => Object.assign([], { item: () => null });
Range.prototype.getBoundingClientRect = () => new DOMRect();
window.scrollTo = () => {};

afterEach(() => {
  cleanup();
  localStorage.clear();
});
