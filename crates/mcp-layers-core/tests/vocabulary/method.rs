use mcp_layers_core::Method;

#[test]
fn every_known_name_round_trips() {
    for (position, method) in Method::KNOWN.iter().enumerate() {
        assert_eq!(Method::new(method.as_str()), *method);
        assert_eq!(method.known(), Some(*method));
        assert_eq!(method.position(), Some(position));
    }
}

#[test]
fn an_unknown_name_is_kept_and_case_matters() {
    assert_eq!(Method::new("Tools/Call"), Method::Other("Tools/Call"));
    assert_eq!(Method::new("x/y").as_str(), "x/y");
    assert_eq!(Method::new("x/y").known(), None);
    assert_eq!(Method::new("x/y").position(), None);
}

#[test]
fn notifications_are_told_from_requests() {
    assert!(Method::ToolsListChanged.is_notification());
    assert!(!Method::Listen.is_notification());
    assert!(Method::Other("notifications/vendor").is_notification());
}
