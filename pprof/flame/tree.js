// The tree of a flame graph: made of the page's data, cut down to what is asked for, turned round a function, added up.
'use strict';

/// A box: `frame` is an index into the data's frames, -1 of the box that holds all. `gained` and `lost` are the positive and the
/// negative values that come through here, `rest` what is in boxes that the page does not have. `below` are its callees; of a
/// caller above a function (`up`) its callers.
function flameBox(parent, frame, up) {
  return { parent, level: parent ? parent.level + (up ? -1 : 1) : -1, frame, up: Boolean(up), gained: 0, lost: 0, rest: 0, self: 0,
    start: 0, end: 0, number: 0, below: flameNothing };
}

const flameNothing = Object.freeze([]);

function flameWidth(box) {
  return box.gained + box.lost;
}

/// The boxes of a view: the one that holds all. See write_boxes() for the numbers.
function flameTree(view) {
  const root = flameBox(null, -1, false);
  root.gained = view.gained;
  root.lost = view.lost;
  const numbers = view.boxes;
  let last = root;
  for (let at = 0; at < numbers.length;) {
    const code = numbers[at];
    let parent = last;
    for (let up = code >> 2; up > 0; up--) parent = parent.parent;
    const box = flameBox(parent, numbers[at + 1], false);
    box.gained = numbers[at + 2];
    at += 3;
    if (code & 2) box.lost = numbers[at++];
    if (code & 1) box.rest = numbers[at++];
    if (parent.below === flameNothing) parent.below = [box];
    else parent.below.push(box);
    last = box;
  }
  return flameLaidOut({ root, callers: flameNothing });
}

/// Gives each box its place: it starts where its parent does, behind its wider siblings. `boxes` has them all, the root first.
function flameLaidOut(tree) {
  const boxes = [tree.root];
  const order = (a, b) => flameWidth(b) - flameWidth(a) || a.frame - b.frame;
  const place = (list, start) => {
    if (list.length > 1) list.sort(order);
    for (const child of list) {
      child.start = start;
      start += flameWidth(child);
      child.number = boxes.length;
      boxes.push(child);
    }
    return start;
  };
  tree.root.start = 0;
  tree.callersEnd = place(tree.callers, 0);
  for (let i = 0; i < boxes.length; i++) {
    const box = boxes[i];
    box.end = place(box.below, box.start);
    box.self = box.up ? 0 : Math.max(flameWidth(box) - box.rest - (box.end - box.start), 0);
  }
  if (tree.root.frame < 0) {
    tree.root.rest = Math.max(flameWidth(tree.root) - tree.root.end, 0);
    tree.root.self = 0;
  }
  tree.boxes = boxes;
  return tree;
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
    child = flameBox(box, frame, up);
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
  const root = flameBox(null, found[0].frame, false);
  const callers = flameBox(null, -1, true);
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
  return flameLaidOut({ root, callers: callers.below });
}

/// The tree without the boxes of frames in `without`, and of frames in `through` only what comes through them; null: not asked for.
function flameCut(tree, through, without) {
  const copy = box => {
    const made = flameBox(null, box.frame, false);
    made.gained = box.gained;
    made.lost = box.lost;
    made.rest = box.rest;
    return made;
  };
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
  return flameLaidOut({ root, callers: flameNothing });
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
      if (box.self > 0) {
        const below = box.below.reduce((sum, child) => sum + child.gained - child.lost, 0);
        // Of a box with parts that the page does not have only the size of what is its own is known.
        total.self += box.rest === 0 ? box.gained - box.lost - below : Math.sign(box.gained - box.lost) * box.self;
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
