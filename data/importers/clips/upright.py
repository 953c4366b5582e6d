"""The vertical axis: files of motion capture have y or z upwards, or y downwards; some images have y before x."""

import numpy as np

Y_BEFORE_X = "bodies lie along the first number of a joint, as if y were before x"


def upright(poses: np.ndarray, torso: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[np.ndarray, list[str]]:
    """Return poses with the axis along which bodies are upright as y, upwards, and a note if they were turned.

    Args:
        poses: floats `[N, J, 4]`, confidence last.
        torso: upper and lower joints, as in a layout.
    """
    upper, lower = (list(joints) for joints in torso)
    shown = (poses[:, upper + lower, 3] > 0).all(axis=1)
    if not shown.any():
        return poses, []
    body = np.median(poses[shown][:, upper, :3].mean(axis=1) - poses[shown][:, lower, :3].mean(axis=1), axis=0)
    axis = int(np.abs(body).argmax())
    up = float(np.sign(body[axis]) or 1)
    if axis == 1 and up > 0:
        return poses, []
    turned = poses.copy()
    if axis == 1:
        turned[..., 1:3] *= -1  # half a turn about x
    else:
        # A quarter of a turn about the third axis, which keeps left and right.
        turned[..., 1] = up * poses[..., axis]
        turned[..., axis] = -up * poses[..., 1]
    return turned, [f"bodies are upright along {'+' if up > 0 else '-'}{'xyz'[axis]}, which is taken as up"]


def lies_along_x(poses: np.ndarray, torso: tuple[tuple[int, ...], tuple[int, ...]]) -> bool:
    """Return whether bodies in images are longer along x than along y.

    Args:
        poses: floats `[N, J, D + 1]`, confidence last.
        torso: upper and lower joints, as in a layout.
    """
    upper, lower = (list(joints) for joints in torso)
    shown = (poses[:, upper + lower, -1] > 0).all(axis=1)
    if not shown.any():
        return False
    body = poses[shown][:, upper, :2].mean(axis=1) - poses[shown][:, lower, :2].mean(axis=1)
    across, down = np.abs(np.median(body, axis=0))
    return bool(across > down)
