// The tree of a flame graph: made of the page's data, cut down to what is asked for, turned round a function, added up.
'use strict';

/// A box: `frame` is an index into the data's frames, -1 of the box that holds all. `gained` and `lost` are the positive and the
/// negative values that come through here, `rest` what is in boxes that the page does not have. `below` are its callees; of a
/// caller above a function (`up`) its callers. `start` and `end`, where what is below it ends, are known once somebody asks.
function flameBox(parent, frame, up, gained, lost, rest) {
  return { parent, level: parent ? parent.level + (up ? -1 : 1) : -1, frame, up, gained, lost, rest, start: 0, end: 0, number: 0,
    below: flameNothing, isLaidOut: false, known: null };
}

const flameNothing = Object.freeze([]);

function flameWidth(box) {
  return box.gained + box.lost;
}

/// The tree of a view. See write_boxes() for the numbers.
function flameTree(view) {
  const root = flameBox(null, -1, false, view.gained, view.lost, 0);
  const boxes = [root];
  const numbers = view.boxes;
  let last = root;
  for (let at = 0; at < numbers.length;) {
    const code = numbers[at];
    let parent = last;
    for (let up = code >> 2; up > 0; up--) parent = parent.parent;
    const box = flameBox(parent, numbers[at + 1], false, numbers[at + 2], 0, 0);
    at += 3;
    if (code & 2) box.lost = numbers[at++];
    if (code & 1) box.rest = numbers[at++];
    if (parent.below === flameNothing) parent.below = [box];
    else parent.below.push(box);
    box.number = boxes.length;
    boxes.push(box);
    last = box;
  }
  return flameWhole(root, flameNothing, boxes);
}

/// A tree as all else takes it: its root, the callers above that, and all boxes by their numbers.
function flameWhole(root, callers, boxes) {
  if (!boxes) {
    boxes = [root, ...callers];
    for (let i = 0; i < boxes.length; i++) for (const child of boxes[i].below) boxes.push(child);
    for (let i = 0; i < boxes.length; i++) boxes[i].number = i;
  }
  if (root.frame < 0) root.rest = Math.max(flameWidth(root) - root.below.reduce((sum, box) => sum + flameWidth(box), 0), 0);
  return { root, callers, boxes, callersEnd: flamePlace(callers, 0) };
}

/// Gives boxes their places from `start` on, the widest first; where they end.
function flamePlace(list, start) {
  if (list.length > 1) list.sort((a, b) => flameWidth(b) - flameWidth(a) || a.frame - b.frame);
  for (const box of list) {
    box.start = start;
    start += flameWidth(box);
  }
  return start;
}

/// The boxes below one, in their places. There are many boxes, and most are never looked at.
function flameBelow(box) {
  if (!box.isLaidOut) {
    box.isLaidOut = true;
    box.end = flamePlace(box.below, box.start);
  }
  return box.below;
}

/// Where a box starts.
function flameStart(box) {
  const way = [];
  for (let at = box.parent; at && at.up === box.up; at = at.parent) way.push(at);
  for (let i = way.length; i-- > 0;) flameBelow(way[i]);
  return box.start;
}

/// What a box holds that is in none below it.
function flameSelf(box) {
  if (box.up || box.frame < 0) return 0;
  return Math.max(box.below.reduce((left, child) => left - flameWidth(child), flameWidth(box) - box.rest), 0);
}

/// Adds what `from` holds, and all below it, to `to`.
function flameAdd(to, from) {
  const walk = [[to, from]];
  while (walk.length > 0) {
    const [target, source] = walk.pop();
    target.gained += source.gained;
    target.lost += source.lost;
    target.rest += source.rest;
    for (const child of source.below) walk.push([flameChild(target, child.frame, false), child]);
  }
}

/// The box of a frame below `box`, or of a caller above it; made where there is none.
function flameChild(box, frame, up) {
  if (!box.known) box.known = new Map();
  let child = box.known.get(frame);
  if (!child) {
    child = flameBox(box, frame, up, 0, 0, 0);
    box.known.set(frame, child);
    if (box.below === flameNothing) box.below = [child];
    else box.below.push(child);
  }
  return child;
}

/// The outermost boxes whose frames are marked, without those below others.
function flameOutermost(tree, marked) {
  const found = [];
  const walk = [tree.root];
  while (walk.length > 0) {
    const box = walk.pop();
    if (box.frame >= 0 && marked[box.frame]) found.push(box);
    else for (const child of box.below) walk.push(child);
  }
  return found;
}

/// A tree round one function: what it calls below it, and who calls it above it. A call of itself counts once.
function flameSandwich(tree, marked) {
  const found = flameOutermost(tree, marked);
  if (found.length === 0) return null;
  const root = flameBox(null, found[0].frame, false, 0, 0, 0);
  const callers = flameBox(null, -1, true, 0, 0, 0);
  for (const box of found) {
    flameAdd(root, box);
    let at = callers;
    for (let caller = box.parent; caller && caller.frame >= 0; caller = caller.parent) {
      at = flameChild(at, caller.frame, true);
      at.gained += box.gained;
      at.lost += box.lost;
    }
  }
  for (const caller of callers.below) caller.parent = root;
  return flameWhole(root, callers.below, null);
}

/// The tree without the boxes of frames in `without`, and of frames in `through` only what comes through them; null: not asked for.
function flameCut(tree, through, without) {
  const copy = box => flameBox(null, box.frame, false, box.gained, box.lost, box.rest);
  const root = copy(tree.root);
  // Each box once on the way down, and once on the way up, when what is kept below it is known.
  const walk = [{ from: tree.root, to: root, inside: through === null, next: 0, cutGained: 0, cutLost: 0 }];
  let done = null;
  while (walk.length > 0) {
    const at = walk[walk.length - 1];
    if (done) {
      at.cutGained += done.cutGained;
      at.cutLost += done.cutLost;
      if (flameWidth(done.to) > 0) {
        done.to.parent = at.to;
        if (at.to.below === flameNothing) at.to.below = [done.to];
        else at.to.below.push(done.to);
      }
      done = null;
    }
    if (at.next < at.from.below.length) {
      const child = at.from.below[at.next++];
      if (without !== null && without[child.frame]) {
        at.cutGained += child.gained;
        at.cutLost += child.lost;
      } else {
        walk.push({ from: child, to: copy(child), inside: at.inside || Boolean(through && through[child.frame]), next: 0, cutGained: 0, cutLost: 0 });
      }
      continue;
    }
    walk.pop();
    if (!at.inside) {
      // Only what is kept below it goes through here.
      at.cutGained = at.from.gained - at.to.below.reduce((sum, child) => sum + child.gained, 0);
      at.cutLost = at.from.lost - at.to.below.reduce((sum, child) => sum + child.lost, 0);
      at.to.rest = 0;
    }
    at.to.gained = Math.max(at.to.gained - at.cutGained, 0);
    at.to.lost = Math.max(at.to.lost - at.cutLost, 0);
    done = at;
  }
  const levels = [root];
  for (let i = 0; i < levels.length; i++) {
    for (const child of levels[i].below) {
      child.level = levels[i].level + 1;
      levels.push(child);
    }
  }
  return flameWhole(root, flameNothing, null);
}

/// What each function holds in itself and in all, by the index of its name; a call of itself counts once.
function flameTotals(tree, frames) {
  const totals = new Map();
  const open = new Map();
  const walk = [[tree.root, false]];
  while (walk.length > 0) {
    const [box, isDone] = walk.pop();
    const name = box.frame < 0 ? -1 : frames[box.frame][0];
    if (isDone) {
      open.set(name, open.get(name) - 1);
      continue;
    }
    if (name >= 0) {
      let total = totals.get(name);
      if (!total) totals.set(name, total = { name, frame: box.frame, self: 0, total: 0, width: 0 });
      const depth = open.get(name) || 0;
      if (depth === 0) {
        total.total += box.gained - box.lost;
        total.width += flameWidth(box);
      }
      const self = flameSelf(box);
      if (self > 0) {
        const below = box.below.reduce((sum, child) => sum + child.gained - child.lost, 0);
        // Of a box with parts that the page does not have only the size of what is its own is known.
        total.self += box.rest === 0 ? box.gained - box.lost - below : Math.sign(box.gained - box.lost) * self;
      }
      open.set(name, depth + 1);
      walk.push([box, true]);
    }
    for (const child of box.below) walk.push([child, false]);
  }
  return [...totals.values()];
}

/// A number for the way from the root to the box, which another tree of the same calls has, too.
function flamePathHash(box, nameOf) {
  let hash = 7;
  for (let at = box; at && at.frame >= 0; at = at.parent) hash = (hash * 33 + flameHash(nameOf(at))) >>> 0;
  return hash.toString(36);
}

function flameHash(text) {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return hash;
}
