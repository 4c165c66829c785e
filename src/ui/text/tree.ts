import type { Style } from './style.ts';

/** A node of a tree: lines that are ready to print, the first of them its name. */
export interface TreeNode {
  lines: string[];
  children: TreeNode[];
}

/** Columns that each level of a tree takes away from the text. */
export const TREE_INDENT = 3;

/** Columns that a tree leaves for its text. */
const FOR_TEXT = 40;

/** Where no width says so: a tree deeper than this is unreadable, and grows with the square of its depth. */
const DEEPEST = 40;

/** Whether a line of descent is too deep for a tree: then it is better a list, from its root down. */
export function isTooDeep(levels: number, style: Style): boolean {
  return levels * TREE_INDENT > Math.min(style.width - FOR_TEXT, DEEPEST * TREE_INDENT);
}

/** Draws trees, the roots at the left. Text is not cut: make it `style.width - TREE_INDENT * depth` wide. */
export function tree(roots: readonly TreeNode[], style: Style): string[] {
  return roots.flatMap((root) => branch(root, style));
}

function branch(node: TreeNode, style: Style): string[] {
  const glyphs = style.unicode ? { tee: '├─ ', end: '└─ ', rail: '│  ' } : { tee: '|- ', end: '`- ', rail: '|  ' };
  const [name = '', ...details] = node.lines;
  const below = node.children.length > 0 ? style.dim(glyphs.rail) : '';
  const out = [name, ...details.map((line) => `${below}${line}`)];
  node.children.forEach((child, i) => {
    const last = i === node.children.length - 1;
    const [first = '', ...rest] = branch(child, style);
    out.push(style.dim(last ? glyphs.end : glyphs.tee) + first);
    for (const line of rest) out.push((last ? '   ' : style.dim(glyphs.rail)) + line);
  });
  return out;
}

/** A tree of one line of descent: each node the only child of the one before. */
export function descent(levels: readonly string[][]): TreeNode[] {
  let children: TreeNode[] = [];
  for (const lines of levels.toReversed()) children = [{ lines, children }];
  return children;
}
