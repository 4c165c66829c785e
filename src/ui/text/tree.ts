import type { Style } from './style.ts';

/** A node of a tree: lines that are ready to print, the first of them its name. */
export interface TreeNode {
  lines: string[];
  children: TreeNode[];
}

/** Columns that each level of a tree takes away from the text. */
export const TREE_INDENT = 3;

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
