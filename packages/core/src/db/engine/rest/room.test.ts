import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Room } from "./room.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Lets `count` ask for room, and tells who is in. */
function visitors(
  room: Room,
  count: number,
  signal?: AbortSignal,
): { readonly seats: readonly object[]; readonly entered: number[]; readonly refused: number[] } {
  const seats = Array.from({ length: count }, () => ({}));
  const entered: number[] = [];
  const refused: number[] = [];
  for (const [i, seat] of seats.entries()) {
    room.enter(seat, signal).then(
      () => entered.push(i),
      () => refused.push(i),
    );
  }
  return { seats, entered, refused };
}

test("the next one comes in when another leaves, in the order they came", async () => {
  const room = new Room({ usual: 2, harmless: 100 });
  const { seats, entered } = visitors(room, 5);
  await vi.advanceTimersByTimeAsync(400);
  expect(entered).toEqual([0, 1]);
  room.leave(seats[1] ?? {});
  room.leave(seats[1] ?? {});
  await vi.advanceTimersByTimeAsync(400);
  // Somebody left: no standstill.
  expect(entered).toEqual([0, 1, 2]);
  expect(room.taken).toBe(2);
});

test("nobody waits for long where nobody leaves, and later the room is what it was", async () => {
  const room = new Room({ usual: 2, harmless: 8 });
  const { seats, entered } = visitors(room, 20);
  await vi.advanceTimersByTimeAsync(500);
  expect(entered).toHaveLength(4);
  await vi.advanceTimersByTimeAsync(500);
  expect(entered).toHaveLength(8);
  // From here on it may be too much for the process.
  await vi.advanceTimersByTimeAsync(9900);
  expect(entered).toHaveLength(8);
  await vi.advanceTimersByTimeAsync(100);
  expect(entered).toHaveLength(16);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(entered).toHaveLength(20);
  for (const seat of seats) room.leave(seat);
  const again = visitors(room, 3);
  await vi.advanceTimersByTimeAsync(400);
  expect(again.entered).toEqual([0, 1]);
});

test("whoever gives up waits no longer, and takes nobody's place", async () => {
  const room = new Room({ usual: 1, harmless: 8 });
  const { seats } = visitors(room, 1);
  const givingUp = new AbortController();
  const first = visitors(room, 2, givingUp.signal);
  const last = visitors(room, 1);
  givingUp.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(first.refused).toEqual([0, 1]);
  room.leave(seats[0] ?? {});
  await vi.advanceTimersByTimeAsync(0);
  expect(last.entered).toEqual([0]);
  expect(visitors(room, 1, givingUp.signal).entered).toEqual([]);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(room.taken).toBe(1);
});

test("it is crowded before anybody has to wait", async () => {
  const room = new Room({ usual: 5, harmless: 8 });
  const { seats } = visitors(room, 4);
  expect(room.crowded).toBe(false);
  visitors(room, 1);
  expect(room.crowded).toBe(true);
  for (const seat of seats) room.leave(seat);
  expect(room.crowded).toBe(false);
});

test("what takes room without asking counts", async () => {
  const room = new Room({ usual: 2, harmless: 8 });
  const uninvited = {};
  room.take(uninvited);
  const { entered } = visitors(room, 2);
  await vi.advanceTimersByTimeAsync(100);
  expect(entered).toEqual([0]);
  room.leave(uninvited);
  await vi.advanceTimersByTimeAsync(0);
  expect(entered).toEqual([0, 1]);
});
